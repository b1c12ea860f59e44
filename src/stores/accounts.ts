import { createHash, randomBytes } from 'node:crypto'
import type { EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'
import { build, oneOff, type Statement } from './statement.ts'
import type { Identity } from './identity.ts'

export const TICKET_TTL_S = 30
const TICKET_BYTES = 32

/** A new ticket for the bearer of a token: single use, `TICKET_TTL_S` long. Removes those that nobody came for. */
export async function issueTicket(
  db: Database,
  identity: Identity,
  now: EpochMs,
): Promise<{ ticket: string; expiresAt: EpochMs }> {
  const ticket = randomBytes(TICKET_BYTES).toString('base64url')
  const expiresAt = now + TICKET_TTL_S * 1000
  await db.deleteFrom('live_ticket').where('expires_at', '<=', instant(now)).execute()
  await db
    .insertInto('live_ticket')
    .values({
      digest: digestOf(ticket),
      identity: JSON.stringify(identity),
      expires_at: new Date(expiresAt),
    })
    .execute()
  return { ticket, expiresAt }
}

/** Takes a ticket out of the database: the first who comes with it gets its identity, everyone after gets undefined. */
export async function redeemTicket(
  db: Database,
  ticket: string,
  now: EpochMs,
): Promise<Identity | undefined> {
  const taken = await db
    .deleteFrom('live_ticket')
    .where('digest', '=', digestOf(ticket))
    .returning(['identity', 'expires_at'])
    .executeTakeFirst()
  if (taken === undefined || taken.expires_at <= now || taken.identity.expiresAt <= now)
    return undefined
  return taken.identity
}

const digestOf = (ticket: string): Buffer => createHash('sha256').update(ticket).digest()

/** Refuses a token from now on, on every gateway. Doing it twice is doing it once. */
export async function revokeToken(
  db: Database | Tx,
  revoked: { jti: string; expiresAt: EpochMs; bySubject: string; at: EpochMs },
): Promise<void> {
  await db
    .insertInto('revoked_token')
    .values({
      jti: revoked.jti,
      revoked_at: new Date(revoked.at),
      expires_at: new Date(revoked.expiresAt),
      by_subject: revoked.bySubject,
    })
    .onConflict((conflict) => conflict.column('jti').doNothing())
    .execute()
}

/** Names of the tokens that are refused although they have not expired. */
export async function readRevokedTokens(db: Database, now: EpochMs): Promise<string[]> {
  const rows = await db
    .selectFrom('revoked_token')
    .select('jti')
    .where('expires_at', '>', instant(now))
    .execute()
  return rows.map((row) => row.jti)
}

export type AuditEntry = {
  readonly at: EpochMs
  readonly subject: string
  readonly role: string
  readonly act: string
  readonly target: string | null
  readonly before: unknown
  readonly after: unknown
}

/** Who did what; in the transaction of what was done. The table itself refuses to be changed afterwards. */
export async function writeAudit(db: Database | Tx, entry: AuditEntry): Promise<void> {
  await db.executeQuery(toWriteAudit(entry).query)
}

export const toWriteAudit = (entry: AuditEntry): Statement =>
  oneOff(
    build.insertInto('audit').values({
      at: new Date(entry.at),
      subject: entry.subject,
      role: entry.role,
      act: entry.act,
      target: entry.target,
      before: entry.before === null ? null : JSON.stringify(entry.before),
      after: entry.after === null ? null : JSON.stringify(entry.after),
    }),
  )
