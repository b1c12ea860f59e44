import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { WebSocket } from '@fastify/websocket'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Clock } from '../clock.ts'
import type { Act, ActAnswer, Actor } from '../ledger/acts.ts'
import type { Identity } from '../stores/identity.ts'
import type { Draft } from '../notices/notice.ts'
import type { Phones } from '../notices/safety.ts'
import type { Database, Tx } from '../stores/database.ts'
import type { Auth } from './auth.ts'
import type { NetworkInForce } from './network-in-force.ts'

export type HttpSettings = {
  /** The utility's calendar, an IANA name. */
  readonly timeZone: string
  /** Origins beside our own host that may open sockets: `https://outages.example.org`. */
  readonly allowedOrigins: readonly string[]
  /** Proxies whose X-Forwarded-For is believed; none by default. */
  readonly trustProxy?: boolean | string
  /** Whom customers may call; nobody is named by default. */
  readonly phones?: Phones
  /** Requests and openings of sockets a minute; the defaults are in `guard.ts`. */
  readonly perIdentityPerMin?: number
  readonly perAddressPerMin?: number
  readonly openingsPerAddressPerMin?: number | undefined
}

/** What the routes are given. Reads come from the committed record, so that a process without an engine answers them too. */
export type HttpParts = {
  readonly db: Database
  /** False while the database is away: what would ask it is refused at once. Taken to be there where nobody says. */
  readonly databaseAnswers?: () => boolean
  readonly clock: Clock
  readonly auth: Auth
  readonly network: NetworkInForce
  /** Takes sockets whose bearer has been verified. */
  readonly live: {
    join(socket: WebSocket, wire: Socket, identity: Identity): void
    place(
      identity: Identity,
    ): { readonly free: true } | { readonly free: false; readonly max: number }
    close(): Promise<void>
  }
  /** The one writer; undefined in a gateway, which passes acts on to `engineUrl`. */
  readonly act: ((act: Act, by: Actor) => Promise<ActAnswer>) | undefined
  /** Numbers and stores notices beside what `also` writes, in one transaction of the one writer; undefined where none runs here. */
  readonly announce?: (drafts: readonly Draft[], also?: (tx: Tx) => Promise<void>) => Promise<void>
  readonly engineUrl: string | undefined
  readonly health: () => { readonly ready: boolean; readonly reasons: readonly string[] }
  readonly metrics: Registry
  readonly settings: HttpSettings
  readonly logger: Logger
}

/** A server whose handlers know the types of their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null on routes for anyone when no good token came along. */
    identity: Identity | null
  }
}
