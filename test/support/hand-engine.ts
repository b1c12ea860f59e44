import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pino from 'pino'
import { Registry } from 'prom-client'
import { openControlRoom, type ControlRoomParts } from '../../src/control-room/control-room.ts'
import { verifyLedger } from '../../src/control-room/verify.ts'
import type { NetworkTables } from '../../src/grid/tables.ts'
import { readNetworkFolder } from '../../src/imports/network-folder.ts'
import type { Act } from '../../src/ledger/acts.ts'
import { DEFAULT_SETTINGS } from '../../src/ledger/state.ts'
import { takeEngineLock } from '../../src/stores/engine-lock.ts'
import { saveRevision } from '../../src/stores/networks.ts'
import { openWriter } from '../../src/stores/writer.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { HAND_NETWORK, writeFiles } from './hand-network.ts'

type Test = { teardown(fn: () => unknown): void }

const SETTINGS = { ...DEFAULT_SETTINGS, thinRepeats: true }

export async function handNetwork(test: Test): Promise<NetworkTables> {
  const folder = writeFiles(
    fs.mkdtempSync(path.join(os.tmpdir(), 'relight-archive-')),
    HAND_NETWORK,
  )
  test.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  const { tables } = await readNetworkFolder(folder)
  if (tables === undefined) throw new Error('the hand network is wrong')
  return tables
}

export type Period = { readonly from?: number; readonly to?: number }

export async function verify(
  { db }: Pick<TestDatabase, 'db'>,
  { from = -Infinity, to = Infinity }: Period = {},
) {
  const said: string[] = []
  const say = (line: string) => void said.push(line)
  return { ...(await verifyLedger(db, { from, to, settings: SETTINGS, say })), said }
}

/** A control room by the clock of a test, which counts what was judged from the record and keeps what the room died of. */
export const openWatchedRoom = (
  parts: Pick<ControlRoomParts, 'db' | 'writer' | 'fence'> & Partial<ControlRoomParts>,
  state: { readonly now: number; fromRecord: number; readonly deaths: unknown[] },
) =>
  openControlRoom({
    clock: () => state.now,
    logger: pino(
      { level: 'info' },
      { write: (line) => void (/judged from the record/.test(line) && state.fromRecord++) },
    ),
    metrics: new Registry(),
    settings: { notices: { noticeHoldS: 0, timeZone: 'UTC' }, ledger: SETTINGS },
    tell: () => undefined,
    changed: () => undefined,
    networkOpened: () => undefined,
    cleared: () => undefined,
    died: (error) => void state.deaths.push(error),
    ...parts,
  })

/** An engine on the hand network, whose clock is in the hands of the test. */
export async function openEngine(test: Test, start: number) {
  const database = await openTestDatabase(test)
  const about = { validFrom: 0, importedAt: 0, format: 'folder' as const, report: [] }
  await saveRevision(database.pool, await handNetwork(test), about)
  const state = { now: start, fromRecord: 0, deaths: [] as unknown[] }
  const { db, config } = database
  const ignore = () => undefined
  const signal = new AbortController().signal
  const lock = await takeEngineLock({ config, db, signal, onWaiting: ignore, onLost: ignore })
  test.teardown(() => lock.release())
  const writer = openWriter(config)
  test.teardown(() => writer.close())
  const open = () => openWatchedRoom({ db, writer, fence: (write) => lock.fence(write) }, state)
  let room = await open()
  test.teardown(() => room.close())
  return {
    ...database,
    state,
    publish: (topic: string, payload: object) =>
      new Promise<void>((acknowledge) =>
        room.take({
          topic,
          payload: Buffer.from(JSON.stringify(payload)),
          retained: false,
          acknowledge,
        }),
      ),
    weaknesses: () => room.weaknesses(),
    announce: (...told: Parameters<typeof room.announce>) => room.announce(...told),
    act: (act: Act) => room.act(act, { subject: 'dana', role: 'dispatcher' }),
    async restart() {
      await room.close()
      room = await open()
    },
  }
}

/** What the ledger says; not when it said so, and how often it was written. */
export async function ledgerAsText({ pool }: Pick<TestDatabase, 'pool'>): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `select concat_ws('|', o.id, o.device, o.anchor_at, o.start_uncertain, o.locked_out, o.started_at, o.restored_at, o.customers_out,
       o.customers_interrupted, o.closed_customer_ms, o.steps,
       (select string_agg(concat_ws(',', i.from_at, i.until_at, i.feeder, i.phases, i.customers, i.members), ';'
          order by i.from_at, i.until_at, i.phases, i.feeder, i.members) from interruption i where i.outage = o.id)) as line
     from outage o order by o.id`,
  )
  return rows.map(({ line }) => line)
}
