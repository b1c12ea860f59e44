import type { EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'

/** Of which figures a set of targets is. */
export type TargetsOf = { readonly year: number; readonly rulebook: string }
/** What each index is to be, by symbol. */
export type Targets = Readonly<Record<string, number>>

export async function readTargets(
  db: Database | Tx,
  { year, rulebook }: TargetsOf,
): Promise<Targets> {
  const rows = await db
    .selectFrom('reliability_target')
    .select(['index', 'value'])
    .where('year', '=', year)
    .where('rulebook', '=', rulebook)
    .orderBy('index')
    .execute()
  return Object.fromEntries(rows.map((row) => [row.index, row.value]))
}

/** Sets what is named and leaves the rest; null takes a target away. */
export async function saveTargets(
  tx: Tx,
  { year, rulebook }: TargetsOf,
  targets: Readonly<Record<string, number | null>>,
  { by, at }: { by: string; at: EpochMs },
): Promise<void> {
  for (const [index, value] of Object.entries(targets)) {
    if (value === null) {
      await tx
        .deleteFrom('reliability_target')
        .where('year', '=', year)
        .where('rulebook', '=', rulebook)
        .where('index', '=', index)
        .execute()
      continue
    }
    const row = { value, set_by: by, set_at: new Date(at) }
    await tx
      .insertInto('reliability_target')
      .values({ year, rulebook, index, ...row })
      .onConflict((conflict) => conflict.columns(['year', 'rulebook', 'index']).doUpdateSet(row))
      .execute()
  }
}
