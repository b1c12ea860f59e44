import type { Socket } from 'node:net'
import type { WebSocket } from '@fastify/websocket'
import { Counter, Gauge, Histogram, type Registry as Metrics } from 'prom-client'
import type { Clock } from '../clock.ts'
import type { GroupCode } from '../ledger/facts.ts'
import type { Notice } from '../notices/notice.ts'
import type { Identity } from '../stores/identity.ts'
import type { Database } from '../stores/database.ts'
import { MS_PER_S } from '../time.ts'
import { frameFor, pointsFrame, wrap, type Parcel } from './frames.ts'
import { openRecent, type Recent } from './recent.ts'
import { openRegistry } from './registry.ts'
import { openReplays, type Missed } from './replay.ts'
import { Seats } from './seats.ts'
import {
  decodeMessage,
  LIVE,
  NO_HITS,
  OVER,
  Topics,
  TOPICS_PER_SOCKET_MAX,
  type Replaying,
  type Session,
  type Subscription,
} from './session.ts'
import { mayHear, parseTopic } from './topics.ts'

/** A reader this far behind is let go; it may resume by seq. */
export const BACKLOG_BYTES_MAX = 1_048_576
/** Notices that wait for one reader while it is told what it missed. */
export const WAITING_MAX = 2_000
export const SOCKETS_MAX = 60_000
/** Open at once by one identity, unless the settings say otherwise: the desks of a control room may share one. */
export const SOCKETS_PER_IDENTITY = 200
/** Sends in one go; then the rest of the service has its turn. */
export const SLICE = 500
export const HEARTBEAT_S = 20
/** How long a socket that we close has to answer. */
export const CLOSE_GRACE_S = 3
export const MESSAGES_PER_WINDOW_MAX = 100
export const MESSAGE_WINDOW_S = 10
/** Those whom a shutdown sends away come back spread over this time, and longer the more they are. */
export const RETURN_SPREAD_MIN_MS = 2_000
export const RETURN_SPREAD_MAX_MS = 30_000
export const RETURN_SPREAD_PER_SOCKET_MS = 2

/** Close codes of RFC 6455, and ours from 4000 on. */
const GOING_AWAY = 1001
const POLICY = 1008
const TRY_AGAIN = 1013
const TOKEN_ENDED = 4401

export type PointDirectory = {
  /** The supply group of a service point in the network in force; null where it has none. */
  groupOf(servicePoint: string): GroupCode | null
}

export type LiveParts = {
  readonly db: Database
  readonly clock: Clock
  readonly points: PointDirectory
  readonly metrics: Metrics
  /** True where the token behind a socket has been revoked since. */
  readonly isRevoked: (identity: Identity) => boolean
  readonly socketsPerIdentity?: number | undefined
}

export type LiveRooms = {
  /** Takes a socket whose bearer has been verified, and the connection that it runs over. Frames are not compressed. */
  join(socket: WebSocket, wire: Socket, identity: Identity): void
  /** Whether this identity may open one more socket, or how many it may have. */
  place(
    identity: Identity,
  ): { readonly free: true } | { readonly free: false; readonly max: number }
  /** Tells a committed notice to all whom it concerns; the stream calls this in order, one at a time. */
  deliver(notice: Notice): Promise<void>
  /** Where the stream begins: notices up to `head` have been told elsewhere; those of `recent` are kept for readers who come back. */
  begin(head: number, recent: readonly Notice[]): void
  /** The number of the last notice that was handed in. */
  head(): number
  /** Another network is in force: service points may belong to other supply groups. */
  regroup(): void
  sockets(): number
  /** Says good-bye to everyone and ends when all are gone. */
  close(): Promise<void>
}

export function openRooms(parts: LiveParts): LiveRooms {
  const { clock, points } = parts
  const counted = countLive(parts.metrics, () => sessions.size)
  const sessions = new Seats()
  const perIdentity = parts.socketsPerIdentity ?? SOCKETS_PER_IDENTITY
  const registry = openRegistry()
  let recent: Recent = openRecent(0)
  let head = 0
  let closing = false
  const replays = openReplays({ db: parts.db, recent: () => recent, head: () => head })

  function say(session: Session, message: object): void {
    if (takesMore(session)) session.socket.send(JSON.stringify(message), TEXT)
  }

  /** Whether anything may still be sent; a reader who is too far behind is let go. */
  function takesMore(session: Session): boolean {
    const { socket } = session
    if (session.phase.is === 'over' || socket.readyState !== socket.OPEN) return false
    if (socket.bufferedAmount <= BACKLOG_BYTES_MAX) return true
    cut(session)
    return false
  }

  function sendParcel(session: Session, parcel: Parcel, hits: readonly Subscription[]): void {
    const [first] = hits
    if (first === undefined || !takesMore(session)) return
    counted.sent.inc()
    // Past the `ws` library, which would send a header of its own before each: without compression it writes every frame of its own
    // whole and at once, so none is ever cut in two by one of ours.
    session.wire.write(
      parcel.audience === 'customer'
        ? pointsFrame(parcel, pointIds(hits))
        : frameFor(parcel, first.text),
    )
  }

  /** Too slow: told so behind all that waits, then let go. What it missed it gets by `since`, or over HTTP. */
  function cut(session: Session): void {
    counted.cut.inc({ why: 'slow' })
    session.socket.send(JSON.stringify(RESYNC), TEXT)
    end(session, TRY_AGAIN, 'too slow')
  }

  function end(session: Session, code: number, reason: string): void {
    if (session.phase.is === 'over') return
    leave(session)
    session.socket.close(code, reason)
    setTimeout(() => session.socket.terminate(), CLOSE_GRACE_S * MS_PER_S).unref()
  }

  function leave(session: Session): void {
    session.phase = OVER
    for (const subscription of session.topics) registry.remove(subscription)
    session.topics.clear()
    sessions.delete(session)
  }

  function onMessage(session: Session, data: Buffer, isBinary: boolean): void {
    if (session.phase.is === 'over') return
    if (isFlood(session)) return
    const message = isBinary ? NOT_TEXT : decodeMessage(data.toString('utf8'))
    if ('wrong' in message) {
      counted.refusedFrames.inc({ reason: message.reason })
      say(session, fault('bad-message', message.wrong))
      return
    }
    switch (message.op) {
      case 'ping':
        say(session, { v: 1, type: 'pong', seq: head })
        break
      case 'unsubscribe':
        unsubscribe(session, message.topics)
        break
      case 'subscribe':
        subscribe(session, message.topics, message.since)
        break
    }
  }

  /** Counts a frame of any kind: each costs us, and pings an answer besides. Whoever sends too many is let go. */
  function isFlood(session: Session): boolean {
    session.heard = true
    const now = clock()
    if (now - session.windowStartMs >= MESSAGE_WINDOW_S * MS_PER_S) {
      session.windowStartMs = now
      session.messagesInWindow = 0
    }
    if (++session.messagesInWindow <= MESSAGES_PER_WINDOW_MAX) return false
    counted.refusedFrames.inc({ reason: 'too-many' })
    counted.cut.inc({ why: 'flood' })
    say(
      session,
      fault('too-many-messages', `more than ${MESSAGES_PER_WINDOW_MAX} in ${MESSAGE_WINDOW_S} s`),
    )
    end(session, POLICY, 'too many messages')
    // What it still sends stays with it: reading it would cost the others.
    session.socket.pause()
    return true
  }

  function unsubscribe(session: Session, texts: readonly string[]): void {
    for (const text of texts) {
      const subscription = session.topics.get(text)
      if (subscription === undefined) continue
      registry.remove(subscription)
      session.topics.delete(text)
    }
    say(session, { v: 1, type: 'unsubscribed', topics: texts })
  }

  function subscribe(session: Session, texts: readonly string[], since: number | undefined): void {
    const refused: Record<string, string[]> = {}
    const taken: string[] = []
    const missed: Missed[] = []
    const ahead: Subscription[] = []
    for (const text of texts) {
      const topic = parseTopic(text)
      const why =
        topic === undefined
          ? 'unknown-topic'
          : !mayHear(session.identity, topic)
            ? 'forbidden-topic'
            : session.topics.size >= TOPICS_PER_SOCKET_MAX && session.topics.get(text) === undefined
              ? 'too-many-topics'
              : undefined
      if (topic === undefined || why !== undefined) {
        ;(refused[why ?? 'unknown-topic'] ??= []).push(text)
        continue
      }
      taken.push(text)
      const known = session.topics.get(text)
      if (known !== undefined) {
        if (since !== undefined && since < known.fromSeq) {
          // Beyond the head nothing was missed: it will be heard as it comes.
          if (since < head)
            missed.push({ subscription: known, upTo: Math.min(known.fromSeq, head) })
          known.fromSeq = since
        }
        continue
      }
      const subscription: Subscription = {
        session,
        topic,
        text,
        fromSeq: since ?? head,
        group: topic.kind === 'servicePoint' ? points.groupOf(topic.id) : null,
      }
      session.topics.add(subscription)
      registry.add(subscription)
      if (since === undefined) continue
      if (since < head) missed.push({ subscription, upTo: head })
      if (since > head) ahead.push(subscription)
    }
    for (const [code, topics] of Object.entries(refused)) {
      counted.refused.inc({ why: code }, topics.length)
      say(session, { ...fault(code, SAYS[code] ?? code), topics })
    }
    if (taken.length === 0) return
    say(session, { v: 1, type: 'subscribed', topics: taken, seq: head })
    // A number that we have not reached is asked about whether or not the topics are new.
    if (missed.length > 0 || (since ?? head) > head)
      void catchUp(session, since ?? head, missed, ahead)
  }

  /** Tells what was missed, then what happened meanwhile; `resync` where that cannot be done. */
  async function catchUp(
    session: Session,
    since: number,
    missed: readonly Missed[],
    ahead: readonly Subscription[],
  ): Promise<void> {
    if (session.phase.is === 'over') return
    const phase: Replaying =
      session.phase.is === 'replaying'
        ? session.phase
        : { is: 'replaying', waiting: [], turns: 0, last: Promise.resolve() }
    session.phase = phase
    phase.turns++
    phase.last = phase.last.then(async () => {
      const outcome = await replays.tell(session, since, missed, (parcel, hits) =>
        sendParcel(session, parcel, hits),
      )
      if (outcome === 'stalled') cut(session)
      if (outcome !== 'resync') return
      for (const subscription of ahead) subscription.fromSeq = head
      counted.resync.inc()
      say(session, RESYNC)
    })
    await phase.last
    if (--phase.turns > 0 || session.phase !== phase) return
    session.phase = LIVE
    for (const { parcel, hits } of phase.waiting) sendParcel(session, parcel, hits)
  }

  async function deliver(notice: Notice): Promise<void> {
    if (notice.seq <= head) return
    const parcel = wrap(notice)
    recent.push(parcel)
    const readers = registry.readersOf(parcel)
    head = notice.seq
    if (readers.length === 0) return
    const told = counted.fanout.startTimer()
    let slice = 0
    for (const session of readers) {
      const hits = session.hits
      session.hits = NO_HITS
      if (session.phase.is === 'replaying') {
        session.phase.waiting.push({ parcel, hits })
        if (session.phase.waiting.length > WAITING_MAX) cut(session)
      } else {
        sendParcel(session, parcel, hits)
      }
      if (++slice === SLICE) {
        slice = 0
        await breath()
      }
    }
    told()
  }

  async function heartbeat(): Promise<void> {
    const now = clock()
    let slice = 0
    for (const session of Array.from(sessions)) {
      if (session.phase.is === 'over') continue
      if (session.identity.expiresAt <= now || parts.isRevoked(session.identity)) {
        end(session, TOKEN_ENDED, 'the token has ended')
      } else if (session.heard) {
        session.heard = false
        session.socket.ping()
      } else {
        counted.cut.inc({ why: 'silent' })
        leave(session)
        session.socket.terminate()
      }
      if (++slice % SLICE === 0) await breath()
    }
  }

  // One listener of each kind for all sockets: a closure for each would be much of what a socket costs.
  function onSocketMessage(this: Seated, data: Buffer, isBinary: boolean): void {
    const session = this[SESSION]
    if (session !== undefined) onMessage(session, data, isBinary)
  }
  function onSocketControl(this: Seated): void {
    const session = this[SESSION]
    if (session !== undefined && session.phase.is !== 'over') isFlood(session)
  }
  function onSocketError(this: Seated, { code = '' }: NodeJS.ErrnoException): void {
    // Of its frames `ws` complains by such codes; the others tell of the connection.
    if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' || code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') {
      counted.refusedFrames.inc({ reason: 'too-large' })
    } else if (code.startsWith('WS_ERR_')) counted.refusedFrames.inc({ reason: 'protocol' })
    this.terminate()
  }
  function onSocketClose(this: Seated): void {
    const session = this[SESSION]
    if (session !== undefined) leave(session)
  }

  let beating = false
  const heart = setInterval(() => {
    if (beating) return
    beating = true
    void heartbeat().finally(() => {
      beating = false
    })
  }, HEARTBEAT_S * MS_PER_S)
  heart.unref()

  return {
    place: (identity) =>
      sessions.of(identity.subject) < perIdentity
        ? { free: true }
        : { free: false, max: perIdentity },
    join(socket: Seated, wire, identity) {
      socket.on('error', onSocketError)
      // Of openings that came together, more may have been let through than there is place for.
      if (closing || sessions.size >= SOCKETS_MAX || sessions.of(identity.subject) >= perIdentity) {
        socket.close(TRY_AGAIN, 'no place')
        setTimeout(() => socket.terminate(), CLOSE_GRACE_S * MS_PER_S).unref()
        return
      }
      const session: Session = {
        socket,
        wire,
        identity,
        topics: new Topics(),
        phase: LIVE,
        heard: true,
        windowStartMs: clock(),
        messagesInWindow: 0,
        hits: NO_HITS,
      }
      sessions.add(session)
      socket[SESSION] = session
      socket
        .on('message', onSocketMessage)
        .on('ping', onSocketControl)
        .on('pong', onSocketControl)
        .on('close', onSocketClose)
    },
    deliver,
    begin(from, last) {
      recent = openRecent(last.length > 0 ? (last[0] as Notice).seq - 1 : from)
      for (const notice of last) recent.push(wrap(notice))
      head = from
    },
    head: () => head,
    regroup() {
      for (const session of sessions) {
        for (const subscription of session.topics) {
          if (subscription.topic.kind !== 'servicePoint') continue
          registry.regroup(subscription, points.groupOf(subscription.topic.id))
        }
      }
    },
    sockets: () => sessions.size,
    async close() {
      closing = true
      clearInterval(heart)
      const all = [...sessions]
      const spreadMs = Math.min(
        RETURN_SPREAD_MAX_MS,
        Math.max(RETURN_SPREAD_MIN_MS, all.length * RETURN_SPREAD_PER_SOCKET_MS),
      )
      const gone = all.map(
        (session) => new Promise<void>((done) => session.socket.once('close', () => done())),
      )
      let slice = 0
      for (const session of all) {
        const retryAfterMs = Math.round(MS_PER_S + Math.random() * spreadMs)
        say(session, { v: 1, type: 'bye', retryAfterMs })
        end(session, GOING_AWAY, 'the service stops')
        if (++slice % SLICE === 0) await breath()
      }
      await Promise.all(gone)
    },
  }
}

const SESSION = Symbol('session')
type Seated = WebSocket & { [SESSION]?: Session }

const TEXT = { binary: false, compress: false }
const RESYNC = { v: 1, type: 'resync' }
const NOT_TEXT = { reason: 'not-text', wrong: 'a frame is text' } as const
const SAYS: Record<string, string> = {
  'unknown-topic': 'topics are outages, load, public, feeder:ID and servicePoint:ID',
  'forbidden-topic': 'this token may not hear these topics',
  'too-many-topics': `a socket has at most ${TOPICS_PER_SOCKET_MAX} topics`,
}

const fault = (code: string, says: string) => ({ v: 1, type: 'error', code, says })

const pointIds = (hits: readonly Subscription[]): string[] =>
  hits.map(({ topic }) => (topic.kind === 'servicePoint' ? topic.id : ''))

const breath = (): Promise<void> => new Promise((done) => setImmediate(done))

function countLive(metrics: Metrics, sockets: () => number) {
  const registers = [metrics]
  const gauge: Gauge = new Gauge({
    name: 'relight_live_sockets',
    help: 'Open sockets',
    registers,
    collect: () => {
      gauge.set(sockets())
    },
  })
  return {
    sent: new Counter({
      name: 'relight_live_frames_total',
      help: 'Notices sent to sockets',
      registers,
    }),
    cut: new Counter({
      name: 'relight_live_cut_total',
      help: 'Sockets let go: slow, silent, flood',
      labelNames: ['why'],
      registers,
    }),
    resync: new Counter({
      name: 'relight_live_resync_total',
      help: 'Readers sent to HTTP',
      registers,
    }),
    refused: new Counter({
      name: 'relight_live_refused_topics_total',
      help: 'Topics refused',
      labelNames: ['why'],
      registers,
    }),
    refusedFrames: new Counter({
      name: 'relight_live_refused_frames_total',
      help: 'Frames of clients refused, by reason: not-json, not-text, unknown-op, bad-field, too-large, too-many, protocol',
      labelNames: ['reason'],
      registers,
    }),
    fanout: new Histogram({
      name: 'relight_live_fanout_seconds',
      help: 'One notice to all whom it concerns, where anyone listens',
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
      registers,
    }),
  }
}
