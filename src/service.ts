import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import pg from 'pg'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { systemClock } from './clock.ts'
import { openArchiving } from './control-room/archiving.ts'
import { openRollingUp } from './control-room/rolling-up.ts'
import { openControlRoom, type ControlRoom } from './control-room/control-room.ts'
import { openLoadWatch } from './control-room/load-watch.ts'
import { openPublisher } from './control-room/publisher.ts'
import type { Channel } from './delivery/channel.ts'
import { openEmail } from './delivery/email.ts'
import { openPush } from './delivery/push.ts'
import { openSms } from './delivery/sms.ts'
import { openWebhook } from './delivery/webhook.ts'
import { openDeliverer } from './delivery/worker.ts'
import { openEmbeddedBroker } from './feeds/embedded-broker.ts'
import type { Feed, FeedListener, FieldMessage } from './feeds/feed.ts'
import { openMqttSession } from './feeds/mqtt-session.ts'
import { openAuth, type AuthSettings } from './http/auth.ts'
import { openNetworkInForce } from './http/network-in-force.ts'
import { buildServer } from './http/server.ts'
import { DEFAULT_SETTINGS } from './ledger/state.ts'
import { openRooms } from './live/rooms.ts'
import { openStream } from './live/stream.ts'
import { openServiceDatabase } from './open-database.ts'
import type { Settings } from './settings.ts'
import { openImpatient, type Database } from './stores/database.ts'
import { takeEngineLock } from './stores/engine-lock.ts'
import { listenTo } from './stores/listen.ts'
import { NETWORK_CHANNEL } from './stores/networks.ts'
import { lastNoticeSeq } from './stores/notices.ts'
import { openOutbox } from './stores/outbox.ts'
import { regroupRecipients } from './stores/recipients.ts'
import { openWriter } from './stores/writer.ts'
import { MS_PER_MIN, MS_PER_S } from './time.ts'

/** `all`: engine and gateway in one process. `engine`: the same, meant to stand behind gateways. `gateway`: reads and sockets only. */
export type Role = 'all' | 'engine' | 'gateway'
export const ROLES: readonly Role[] = ['all', 'engine', 'gateway']

export type Service = {
  readonly http: string
  readonly mqtt: string | null
  readonly db: Database
  readonly pool: pg.Pool
  readonly authSecret: string | undefined
  /** Looks at once for a network revision that was imported. */
  refreshNetwork(): Promise<void>
  /** Finishes what was taken, says good-bye, and closes everything in reverse. */
  close(): Promise<void>
}

const CLIENT_ID = 'relight-engine'
/** Whoever asks over HTTP or a socket is told after so long that there is no answer. */
const ANSWER_MS_MAX = 20_000
/** Spreading a storm's notices over all who are written to may take longer. */
const LETTERS_ANSWER_MS_MAX = MS_PER_MIN
const LETTER_WAYS = 6
/** What the engine reads of its own record at a start is the longest that it asks. */
const RECORD_ANSWER_MS_MAX = 120_000
/** One table of a network of a million customers may take so long to read. */
const WHOLE_NETWORK_MS_MAX = 120_000
const UPKEEP_ANSWER_MS_MAX = 10 * MS_PER_MIN
const PING_EVERY_MS = 2000
const PING_TIMEOUT_MS = 1500
/** As many pings without an answer, and questions to the database are refused before they are asked. */
const PINGS_LOST = 2

/** Opens everything in order; what was opened is closed again where a later step fails. */
export async function startService(
  settings: Settings,
  role: Role,
  logger: Logger,
  signal: AbortSignal = new AbortController().signal,
): Promise<Service> {
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) {
      await closer().catch((error: unknown) => logger.error({ err: error, msg: 'closing failed' }))
    }
  }
  try {
    return await openAll(settings, role, logger, signal, closers, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function openAll(
  settings: Settings,
  role: Role,
  logger: Logger,
  signal: AbortSignal,
  closers: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<Service> {
  const clock = systemClock
  const metrics = new Registry()
  collectDefaultMetrics({ register: metrics })
  const hasEngine = role !== 'gateway'

  const database = await openServiceDatabase(settings, logger, signal)
  closers.push(() => database.close())
  const { db, pool, config } = database
  const asked = openImpatient(config, ANSWER_MS_MAX)
  closers.push(() => asked.close())
  const authSettings = authOf(settings)
  if (authSettings.kind === 'secret' && authSettings.secret.length < 32) {
    logger.warn({ msg: 'RELIGHT_AUTH_SECRET is shorter than 32 characters' })
  }

  // ── people's side: what both engine and gateway have
  const auth = openAuth({ settings: authSettings, db: asked.db, clock })
  let controlRoom: ControlRoom | undefined
  // A network that is there already is in force before there are rooms to hear of it.
  let regroup = (): void => undefined
  const whole = openImpatient({ ...config, max: 1 }, WHOLE_NETWORK_MS_MAX)
  closers.push(() => whole.close())
  const network = await openNetworkInForce({
    db: asked.db,
    whole: whole.db,
    clock,
    onChange: () => {
      regroup()
      controlRoom?.reviseNetwork()
    },
  })
  closers.push(async () => network.close())
  const rooms = openRooms({
    db: asked.db,
    clock,
    metrics,
    points: { groupOf: (point) => network.current()?.groupOf(point) ?? null },
    isRevoked: (identity) => auth.isRevoked(identity),
    socketsPerIdentity: settings.socketsPerIdentity,
  })
  regroup = () => rooms.regroup()
  const stream = await openStream({
    db: asked.db,
    rooms,
    logger,
    follow: hasEngine ? null : config,
  })
  closers.push(() => stream.close())
  const revisions = await listenForNetworks(config, logger, () =>
    // Where this look fails the regular one finds it a little later.
    network.refresh().catch(() => undefined),
  )
  closers.push(revisions)
  const ping = watchDatabase(config)
  closers.push(() => ping.stop())

  // ── the field's side: the engine alone
  let feed: Feed | undefined
  if (hasEngine) {
    const lock = await takeEngineLock({
      config,
      db,
      signal,
      onWaiting: () => logger.info({ msg: 'standing by: another engine writes' }),
      onLost: () => {
        logger.fatal({ msg: 'another engine has taken over' })
        process.exit(1)
      },
    })
    closers.push(() => lock.release())
    // What another engine told while this one stood by.
    stream.committed(await lastNoticeSeq(db))
    /** The network's load points have their numbers: customers, and those who are written to, can be found. */
    const readdress = async (): Promise<void> => {
      await network.refresh()
      await regroupRecipients(letters.db, (point) => network.current()?.groupOf(point) ?? null)
    }
    const complain = (error: unknown): void => {
      logger.warn({ err: error, msg: 'recipients keep their old places' })
    }
    // Of its own, and not patient: a question that is never answered would be the last of whoever asked it.
    const letters = openImpatient({ ...config, max: LETTER_WAYS }, LETTERS_ANSWER_MS_MAX)
    closers.push(() => letters.close())
    const deliverer = openDeliverer({
      outbox: openOutbox(letters.db, settings.timeZone, settings.phones),
      channels: channelsOf(settings),
      clock,
      logger,
    })
    closers.push(() => deliverer.close())
    // What is tidied up beside the engine takes its time, and yet not for ever.
    const upkeep = openImpatient({ ...config, max: 2 }, UPKEEP_ANSWER_MS_MAX)
    closers.push(() => upkeep.close())
    const rollingUp = openRollingUp({ db: upkeep.db, clock, timeZone: settings.timeZone, logger })
    closers.push(() => rollingUp.close())
    const publisher = openPublisher({
      db: letters.db,
      clock,
      logger,
      publish: async (topic, payload, options) => feed?.publish(topic, payload, options),
    })
    closers.push(() => publisher.close())
    const writer = openWriter(config)
    closers.push(() => writer.close())
    // The one writer waits for it: an answer that never comes must not be the last that it waits for.
    const record = openImpatient(config, RECORD_ANSWER_MS_MAX)
    closers.push(() => record.close())
    controlRoom = await openControlRoom({
      db: record.db,
      clock,
      logger,
      metrics,
      settings: {
        notices: { noticeHoldS: settings.noticeHoldS, timeZone: settings.timeZone },
        parallelAlertMs: settings.parallelAlertMin * MS_PER_MIN,
        ledger: {
          ...DEFAULT_SETTINGS,
          recloseWindowMs: settings.recloseWindowMin * MS_PER_MIN,
          futureToleranceMs: settings.futureToleranceS * MS_PER_S,
          thinRepeats: true,
        },
      },
      writer,
      fence: (write) => lock.fence(write),
      tell: (upTo, notices) => {
        stream.committed(upTo, notices)
        deliverer.wake()
      },
      changed: (ids) => publisher.changed(ids),
      networkOpened: () => void readdress().catch(complain),
      cleared: (ids) => publisher.cleared(ids),
      died: (error) => {
        // What is in memory may be ahead of the record: only the record is right, and who restarts us opens it.
        logger.fatal({ err: error, msg: 'the engine cannot go on' })
        process.exit(1)
      },
    })
    const room = controlRoom
    closers.push(() => room.close())
    // One that was imported while the room was opened was announced to nobody.
    room.reviseNetwork()
    await readdress()
    const loadWatch = openLoadWatch({
      db: record.db,
      clock,
      logger,
      timeZone: settings.timeZone,
      network: () => network.current(),
      announce: (drafts, also) => room.announce(drafts, also),
    })
    closers.push(() => loadWatch.close())
    const { archiveAfterDays } = settings
    if (archiveAfterDays !== undefined) {
      const archiving = openArchiving({
        db: upkeep.db,
        clock,
        logger,
        afterDays: archiveAfterDays,
        isBusy: () => room.backlog() > 0,
      })
      closers.push(() => archiving.close())
    }
    feed = await openFeed(settings, logger, room)
    const opened = feed
    closers.push(() => opened.close())
  }

  const health = (): { ready: boolean; reasons: string[] } => {
    const reasons = [...(controlRoom?.troubles() ?? [])]
    if (!ping.alive()) reasons.push('the database does not answer')
    if (feed !== undefined && !feed.connected()) reasons.push('the broker is not connected')
    return {
      ready: reasons.length === 0,
      reasons: [...reasons, ...(controlRoom?.weaknesses() ?? [])],
    }
  }
  const engine = controlRoom
  const server = await buildServer({
    db: asked.db,
    databaseAnswers: ping.answers,
    clock,
    auth,
    network,
    live: rooms,
    act: engine === undefined ? undefined : (act, by) => engine.act(act, by),
    ...(engine === undefined
      ? {}
      : { announce: (drafts, also) => engine.announceFor(drafts, also) }),
    engineUrl: settings.engineUrl,
    health,
    metrics,
    settings: {
      timeZone: settings.timeZone,
      allowedOrigins: settings.allowedOrigins,
      phones: settings.phones,
      trustProxy: settings.trustProxy,
      openingsPerAddressPerMin: settings.openingsPerMin,
    },
    logger,
  })
  closers.push(() => server.close())
  const http = await server.listen({ host: settings.host, port: settings.port }).catch((error) => {
    throw named(error)
  })
  if (controlRoom?.hasNetwork() === false) {
    logger.warn({ msg: 'there is no network yet: import one with relight network import' })
  }
  const mqtt = feed?.url ?? null
  logger.info({ http, mqtt, role, msg: 'ready' })
  return {
    http,
    mqtt,
    db,
    pool,
    authSecret: authSettings.kind === 'secret' ? authSettings.secret : undefined,
    refreshNetwork: async () => {
      await network.refresh()
    },
    close,
  }
}

/** A port that cannot be had is a fault of the environment, and told like the others: by name and never by value. */
function named(error: unknown): unknown {
  const { code = '' } = error as NodeJS.ErrnoException
  switch (code) {
    case 'EADDRINUSE':
      return new Error('PORT: another program listens there', { cause: error })
    case 'EACCES':
      return new Error('PORT: this user may not listen there', { cause: error })
    case 'EADDRNOTAVAIL':
      return new Error('HOST: is no address of this machine', { cause: error })
    default:
      return error
  }
}

/** The ways out of the house that are set up; webhooks need nothing but their own addresses. */
function channelsOf({ mail, sms, push }: Settings): Channel[] {
  const channels = [openWebhook(systemClock)]
  if (mail !== undefined) channels.push(openEmail(mail))
  if (sms !== undefined) channels.push(openSms(sms))
  if (push !== undefined) channels.push(openPush({ ...push, clock: systemClock }))
  return channels
}

async function openFeed(
  settings: Settings,
  logger: Logger,
  room: Pick<ControlRoom, 'take' | 'refused'>,
): Promise<Feed> {
  const take = (message: FieldMessage): void => room.take(message)
  const listener: FeedListener = (event) => {
    if (event.event === 'connected') logger.info({ msg: 'broker connected' })
    else if (event.event === 'disconnected') logger.warn({ why: event.why, msg: 'broker gone' })
    else {
      const { act, gateway, topic } = event
      const reason = act === 'packet' ? 'packet-too-large' : (`${act}-denied` as const)
      room.refused(reason, topic ?? '', gateway === null ? 'a device' : `gateway ${gateway}`)
    }
  }
  if (settings.mqttUrl !== undefined) {
    return openMqttSession({ url: settings.mqttUrl, clientId: CLIENT_ID, listener }, take)
  }
  const gatewaysFile = settings.mqttGateways
  return openEmbeddedBroker(
    {
      port: settings.mqttPort,
      host: settings.host,
      listener,
      ...(gatewaysFile === undefined ? {} : { gatewaysFile }),
    },
    take,
  )
}

/** The secret of the environment, an issuer, or (embedded only) a secret of the data folder's own. */
export function authOf(settings: Settings): AuthSettings {
  if (settings.oidc !== undefined) return { kind: 'oidc', ...settings.oidc }
  if (settings.authSecret !== undefined) return { kind: 'secret', secret: settings.authSecret }
  const file = path.join(settings.dataDir, 'auth-secret')
  if (!fs.existsSync(file)) {
    fs.mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 })
    const fresh = `${file}.${process.pid}`
    fs.writeFileSync(fresh, randomBytes(32).toString('base64url'), { mode: 0o600 })
    try {
      // Written whole and linked into place: two processes that start at once agree on one secret.
      fs.linkSync(fresh, file)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error
    } finally {
      fs.rmSync(fresh, { force: true })
    }
  }
  return { kind: 'secret', secret: fs.readFileSync(file, 'utf8').trim() }
}

/**
 * Whether the database answers, asked now and then: neither readiness nor a request must wait to find out. Over a connection of its own,
 * for a database that answers slowly to others, because it has much to do, is not away.
 */
function watchDatabase(config: pg.PoolConfig) {
  const own = openImpatient({ ...config, max: 1 }, PING_TIMEOUT_MS)
  let lost = 0
  let asking = false
  const timer = setInterval(() => {
    if (asking) return
    asking = true
    own.db
      .selectFrom('engine_term')
      .select('term')
      .execute()
      .then(
        () => (lost = 0),
        () => lost++,
      )
      .finally(() => (asking = false))
  }, PING_EVERY_MS)
  timer.unref()
  return {
    alive: (): boolean => lost === 0,
    answers: (): boolean => lost < PINGS_LOST,
    async stop() {
      clearInterval(timer)
      await own.close()
    },
  }
}

/** Hears at once of an imported network; where listening fails the regular look finds it a little later. */
async function listenForNetworks(
  config: pg.ClientConfig,
  logger: Logger,
  onNetwork: () => unknown,
): Promise<() => Promise<void>> {
  const listener = await listenTo({
    config,
    channel: NETWORK_CHANNEL,
    heard: onNetwork,
    // One may have been imported while nobody listened.
    listening: onNetwork,
    failed: (error) => logger.warn({ err: error, msg: 'cannot listen for networks' }),
  })
  return () => listener.close()
}
