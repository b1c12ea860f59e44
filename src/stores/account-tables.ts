import type { Identity } from './identity.ts'
import type { Instant, Json } from './schema.ts'

/** The tables of sql/0050_accounts.sql. */
export type AccountTables = {
  live_ticket: { digest: Buffer; identity: Json<Identity>; expires_at: Instant }
  revoked_token: { jti: string; revoked_at: Instant; expires_at: Instant; by_subject: string }
}
