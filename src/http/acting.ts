import { writeAudit } from '../stores/accounts.ts'
import type { Tx } from '../stores/database.ts'
import type { Identity } from '../stores/identity.ts'
import type { EpochMs } from '../time.ts'
import { Problem } from './problem.ts'

/** Who acts; the guard has let nobody in without a token. */
export function someone(identity: Identity | null): Identity {
  if (identity === null) throw new Problem(401, 'no-token', 'a token is needed')
  return identity
}

/** Who did what to what, in the transaction that does it. */
export const audit = (
  tx: Tx,
  by: Identity,
  now: EpochMs,
  act: string,
  target: string,
  before: unknown,
  after: unknown,
): Promise<void> =>
  writeAudit(tx, { at: now, subject: by.subject, role: by.role, act, target, before, after })
