import { existsSync } from 'node:fs'
import t from 'tap'
import { simulate } from '../simulators/command.ts'

/** The real service as a child process, a few times killed: slow to start on a busy machine. */
const WITHIN_MS = 240_000
const ADMIN_URL = process.env['DATABASE_URL'] ?? ''
const hasMosquitto = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'].some((file) =>
  existsSync(file),
)
const noSite =
  ADMIN_URL === ''
    ? 'no DATABASE_URL to make a database on'
    : hasMosquitto
      ? false
      : 'mosquitto is not installed'

/** The tests run twice, with a database of their own and without: one storm each time. */
const alreadyTold = ADMIN_URL === '' ? false : 'runs where DATABASE_URL is unset'

async function storm(options: string, adminUrl?: string) {
  const said: string[] = []
  const argv = `storm --customers 600 --hours 10 ${options}`.split(' ')
  if (adminUrl !== undefined) argv.push('--database-url', adminUrl)
  const code = await simulate(argv, {
    out: (line) => said.push(line),
    err: (line) => said.push(line),
    now: Date.now,
    signal: AbortSignal.timeout(WITHIN_MS),
  })
  return { code, said: said.join('\n') }
}

t.setTimeout(2 * WITHIN_MS)

void t.test(
  'killed, and robbed of its database, the service knows in the end who was dark when',
  { timeout: WITHIN_MS, skip: alreadyTold },
  async (t) => {
    const { code, said } = await storm('--seed 11 --kills 2 --database-cuts 1')
    t.equal(code, 0, said)
    t.match(said, /kill/)
    t.match(said, /database/)
    t.match(said, /agrees with the truth/)
  },
)

void t.test(
  'so it does on PostgreSQL and Mosquitto, which restart as well',
  { timeout: WITHIN_MS, skip: noSite },
  async (t) => {
    const { code, said } = await storm(
      '--seed 12 --kills 1 --database-cuts 1 --broker-restarts 1',
      ADMIN_URL,
    )
    t.equal(code, 0, said)
    t.match(said, /broker/)
    t.match(said, /agrees with the truth/)
  },
)
