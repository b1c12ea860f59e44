import type { EpochMs } from '../time.ts'

export const ROLES = ['dispatcher', 'planner', 'customer', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who somebody is, as a token that we have verified says it. */
export type Identity = {
  readonly subject: string
  readonly role: Role
  /** The service points that are theirs; what a customer may see and nothing else. */
  readonly servicePoints: readonly string[]
  /** The token's own name, for revocation; null where it has none. */
  readonly jti: string | null
  /** Not valid from this instant on. */
  readonly expiresAt: EpochMs
}
