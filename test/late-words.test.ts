import t from 'tap'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { run } from '../src/cli.ts'
import { readNetworkFolder } from '../src/imports/network-folder.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { HAND_NETWORK, writeFiles } from './support/hand-network.ts'
import { environmentOf, openGateway, openTestService } from './support/service.ts'

type Outage = { id: string; startedAt: string; restoredAt: string | null }
const iso = (at: number): string => new Date(at).toISOString()

/** A service on the hand network, its head switches, and what `relight verify` says of its database. */
async function field(test: { teardown(fn: () => unknown): void }) {
  const folder = writeFiles(fs.mkdtempSync(path.join(os.tmpdir(), 'relight-late-')), HAND_NETWORK)
  test.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  const { tables } = await readNetworkFolder(folder)
  const database = await openTestDatabase(test)
  const service = await openTestService(test, database, { tables })
  const gateway = await openGateway(test, service.broker)
  const outages = async (): Promise<Outage[]> =>
    (await service.get<{ outages: Outage[] }>('outages?feeder=F1')).outages
  const verify = async () => {
    let said = ''
    const out = (line: string) => void (said += `${line}\n`)
    const env = environmentOf(database)
    const signal = new AbortController().signal
    const code = await run(['verify'], {
      env,
      out,
      err: out,
      write: out,
      now: Date.now,
      signal,
    })
    return { code, said }
  }
  return { service, gateway, outages, verify }
}

t.test(
  'a repeat from a clock that ran ahead is read again when a late word falls among repeats',
  async (t) => {
    const { gateway, outages, verify } = await field(t)
    const at = Date.now() - 3_600_000
    await gateway.switch('B1', 'open', at)
    // Counts when it came; the repeat after it lets it go from memory.
    await gateway.switch('B1', 'open', Date.now() + 3_600_000)
    const ahead = Date.now()
    await gateway.switch('B1', 'open', Date.now() + 50)
    await gateway.switch('B1', 'closed', at + 600_000)
    await until(async () => (await outages()).length === 2, 'closed in between: two outages')
    const [second, first] = await outages()
    t.match(first, { startedAt: iso(at), restoredAt: iso(at + 600_000) })
    t.ok(Date.parse(second?.startedAt ?? '') <= ahead, 'the second one from when that word came')
    t.match(await verify(), { code: 0 })
  },
)

t.test('what is of bad quality turns nothing, also when it is read again', async (t) => {
  const { gateway, outages, verify } = await field(t)
  const at = Date.now() - 3_600_000
  await gateway.switch('B1', 'open', at)
  await gateway.switch('B1', 'open', at + 600_000)
  await gateway.switch('B1', 'closed', at + 1_200_000, { quality: 'bad' })
  for (const min of [30, 40, 50]) await gateway.switch('B1', 'open', at + min * 60_000)
  await gateway.switch('B1', 'closed', at + 1_500_000)
  await until(async () => (await outages()).length === 2, 'closed in between: two outages')
  t.match(await outages(), [
    { startedAt: iso(at + 1_800_000), restoredAt: null },
    { startedAt: iso(at), restoredAt: iso(at + 1_500_000) },
  ])
  t.match(await verify(), { code: 0 })
})

t.test(
  'what a late word leaves nothing of is no outage any more, but is known by its name',
  async (t) => {
    const { service, gateway, outages, verify } = await field(t)
    const at = Date.now() - 3_600_000
    await gateway.switch('FU', 'open', at + 600_000)
    await gateway.switch('FU', 'closed', at + 660_000)
    await until(async () => (await outages()).length === 1, 'the fuse')
    const [fuse] = await outages()
    await gateway.switch('B1', 'open', at)
    await gateway.switch('B1', 'closed', at + 1_200_000)
    const feederOnly = async () => (await outages()).every(({ startedAt }) => startedAt === iso(at))
    await until(feederOnly, 'the feeder was dead already')
    t.equal((await outages()).length, 1)
    t.match(await service.get(`outages/${fuse?.id}`), {
      customersInterrupted: 0,
      customerMinutes: 0,
      corrections: [{}],
    })
    t.match(await verify(), { code: 0 })
  },
)
