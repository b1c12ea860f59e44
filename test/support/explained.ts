import { explain, type Explanation } from '../../src/stores/explain.ts'

/** A row that the report has, taken apart; it throws where there is no such row. */
export async function explained(...asked: Parameters<typeof explain>): Promise<Explanation> {
  const told = await explain(...asked)
  if ('rows' in told) throw new Error(`no such row; there are ${told.rows.join(', ')}`)
  return told
}
