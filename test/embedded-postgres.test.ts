import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client, type PoolConfig } from 'pg'
import t from 'tap'
import { openDatabase } from '../src/stores/database.ts'
import { attachEmbeddedPostgres, startEmbeddedPostgres } from '../src/stores/embedded-postgres.ts'
import { migrate } from '../src/stores/migrate.ts'
import { until } from './support/broker.ts'
import { openTestDatabase, SQL_DIR } from './support/database.ts'

type Test = { teardown(fn: () => unknown): void }
const CHILD = fileURLToPath(new URL('support/storing-child.ts', import.meta.url))
const isRoot = process.getuid?.() === 0
const FAST = { fsync: 'off' }

/** A folder of one's own, gone with the test. Not below the checkout: its path would be too long for a socket. */
function openFolder(t: Test): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-test-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Such a folder with a server's files in it: copied, because making them takes longer than most tests. */
async function openMadeFolder(t: Test): Promise<string> {
  made ??= make()
  const dataDir = openFolder(t)
  fs.cpSync(path.join(await made, 'postgres'), path.join(dataDir, 'postgres'), { recursive: true })
  return dataDir
}
let made: Promise<string> | undefined
async function make(): Promise<string> {
  const dataDir = openFolder(t)
  await (await startEmbeddedPostgres({ dataDir, settings: FAST })).stop()
  return dataDir
}

async function ask<Row>(config: PoolConfig, statement: string): Promise<Row[]> {
  const client = new Client(config)
  await client.connect()
  try {
    return (await client.query(statement)).rows as Row[]
  } finally {
    await client.end()
  }
}

/** A second process with what it says, line by line. */
function startChild(t: Test, args: readonly string[], { wrap = [], env = {} }: Wrapping = {}) {
  const command = [...wrap, process.execPath, '--import=tsx', CHILD, ...args]
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  t.teardown(() => child.kill('SIGKILL'))
  return { child, lines }
}
type Wrapping = { wrap?: readonly string[]; env?: Record<string, string> }

function untilEnd(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('close', resolve))
}

t.test('the server is reached by its socket alone, and keeps its data', async (t) => {
  const dataDir = path.join(openFolder(t), 'made', 'for', 'it')
  t.equal(await attachEmbeddedPostgres({ dataDir }), undefined, 'nobody there yet')
  const first = await startEmbeddedPostgres({ dataDir })
  t.same(await ask(first.config, 'show listen_addresses'), [{ listen_addresses: '' }])
  t.same(await ask(first.config, 'show fsync'), [{ fsync: 'on' }])
  t.same(await ask(first.config, 'show jit'), [{ jit: 'off' }])
  await ask(first.config, 'create table kept as select 42 as answer')
  t.equal(fs.statSync(String(first.config.host)).mode & 0o777, 0o700, 'and only by us')

  const attached = await attachEmbeddedPostgres({ dataDir })
  t.ok(attached, 'a command finds the server of the service')
  t.same(await ask(attached ?? {}, 'select answer from kept'), [{ answer: 42 }])
  await first.stop()
  await first.stop()
  t.equal(await attachEmbeddedPostgres({ dataDir }), undefined, 'it has stopped')

  const second = await startEmbeddedPostgres({ dataDir, settings: FAST })
  t.teardown(() => second.stop())
  t.same(await ask(second.config, 'select answer from kept'), [{ answer: 42 }])
})

t.test('a second service on one folder is refused, and told by whom', async (t) => {
  const dataDir = await openMadeFolder(t)
  const { child, lines } = startChild(t, [dataDir, 'idle'])
  await until(() => lines.length > 0, 'the first service is ready', 30_000)
  await t.rejects(startEmbeddedPostgres({ dataDir }), {
    message: new RegExp(
      `${dataDir} is in use by another Relight service \\(process ${child.pid}\\)`,
    ),
  })
  t.ok(await attachEmbeddedPostgres({ dataDir }), 'the first is not disturbed')
  child.kill('SIGTERM')
  t.equal(await untilEnd(child), 0)
  const server = await startEmbeddedPostgres({ dataDir, settings: FAST })
  await server.stop()
})

t.test('of several that start at once on one folder, one gets it', async (t) => {
  const dataDir = openFolder(t)
  const children = [1, 2, 3].map(() => startChild(t, [dataDir, 'idle']))
  await until(() => children.every(({ lines }) => lines.length > 0), 'all have spoken', 30_000)
  const said = children.map(({ lines }) => lines[0] ?? '')
  t.equal(said.filter((line) => line === 'ready').length, 1, said.join(' | '))
  t.equal(said.filter((line) => /in use by another Relight service/.test(line)).length, 2)
  for (const { child } of children) child.kill('SIGTERM')
  await Promise.all(children.map(({ child }) => untilEnd(child)))
})

t.test('a lock that the dead left behind is no lock', async (t) => {
  const dataDir = await openMadeFolder(t)
  const lock = path.join(dataDir, 'service.lock')
  const open = async (): Promise<void> => {
    await (await startEmbeddedPostgres({ dataDir, settings: FAST })).stop()
    t.notOk(fs.existsSync(lock), 'given back')
  }
  fs.writeFileSync(lock, '')
  await open()
  // The number lives, but it is another process than the one that wrote this.
  fs.writeFileSync(lock, JSON.stringify({ pid: process.pid, world: 'another boot', started: '1' }))
  await open()
  fs.writeFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), `${process.pid}\n`)
  await open()
})

t.test('kill -9 of the service loses nothing that was said to be stored', async (t) => {
  const dataDir = await openMadeFolder(t)
  const lines: string[] = []
  for (let kill = 1; kill <= 3; kill++) {
    const run = startChild(t, [dataDir, 'store'])
    await until(() => run.lines.length > 50 * kill, 'it stores', 30_000)
    run.child.kill('SIGKILL')
    await untilEnd(run.child)
    lines.push(...run.lines.filter((line) => line !== 'ready'))
  }
  const server = await startEmbeddedPostgres({ dataDir })
  t.teardown(() => server.stop())
  const rows = await ask<{ n: number }>(server.config, 'select n from stored order by n')
  const stored = new Set(rows.map(({ n }) => String(n)))
  t.ok(lines.length > 250, `${lines.length} were said to be stored`)
  t.same(
    lines.filter((line) => !stored.has(line)),
    [],
    'and they are',
  )
})

t.test('the server comes back by itself when it is killed', async (t) => {
  const dataDir = await openMadeFolder(t)
  const said: string[] = []
  const server = await startEmbeddedPostgres({ dataDir, onLine: (line) => said.push(line) })
  const { pool } = openDatabase(server.config)
  t.teardown(async () => {
    await pool.end()
    await server.stop()
  })
  await pool.query('create table kept as select 1 as n')
  const pid = Number(
    fs.readFileSync(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0],
  )
  process.kill(pid, 'SIGKILL')
  let failed = false
  await until(
    async () => {
      try {
        const { rows } = await pool.query<{ n: number }>('select n from kept')
        return failed && rows[0]?.n === 1
      } catch {
        failed = true
        return false
      }
    },
    'it answers again',
    30_000,
  )
  t.ok(
    said.some((line) => line.includes('ended unexpectedly')),
    'and says what happened',
  )
})

t.test(
  'no server starts beside a statement that its killed predecessor left running',
  { skip: process.platform === 'linux' ? false : 'it can only be seen on Linux' },
  async (t) => {
    const dataDir = await openMadeFolder(t)
    const server = await startEmbeddedPostgres({ dataDir, settings: FAST })
    t.teardown(() => server.stop())
    const busy = new Client(server.config)
    busy.on('error', () => undefined)
    await busy.connect()
    const { rows } = await busy.query<{ pid: number }>('select pg_backend_pid() as pid')
    const orphan = Number(rows[0]?.pid)
    // It never waits, and so does not notice that its server is gone.
    const never = 'do $$ begin for i in 1..2000000000 loop null; end loop; end $$'
    const broken = busy.query(never).then(
      () => 'done',
      () => 'broken',
    )
    const pidFile = path.join(dataDir, 'postgres/postmaster.pid')
    const old = Number(fs.readFileSync(pidFile, 'utf8').split('\n')[0])
    process.kill(old, 'SIGKILL')
    const isBack = () =>
      ask(server.config, 'select 1').then(
        () => true,
        () => false,
      )
    await until(async () => !(await isBack()), 'it is gone', 10_000)
    await until(isBack, 'its successor answers', 30_000)
    // It may be a zombie for a while: that has no command any more.
    const command = fs.existsSync(`/proc/${orphan}`)
      ? fs.readFileSync(`/proc/${orphan}/cmdline`, 'utf8')
      : ''
    t.equal(command, '', 'and the statement runs no more')
    t.equal(await broken, 'broken', 'whoever asked for it is told')
    await busy.end().catch(() => undefined)
  },
)

t.test(
  'a path too long for a socket puts it elsewhere, where a second process finds it',
  async (t) => {
    const dataDir = path.join(openFolder(t), 'x'.repeat(120))
    const server = await startEmbeddedPostgres({ dataDir, settings: FAST })
    t.teardown(() => server.stop())
    t.notMatch(server.config.host, /xxx/)
    t.ok(await attachEmbeddedPostgres({ dataDir }))
  },
)

t.test('where no packaged server can run, the sentence names DATABASE_URL', async (t) => {
  const dataDir = openFolder(t)
  const arch = Object.getOwnPropertyDescriptor(process, 'arch')
  Object.defineProperty(process, 'arch', { ...arch, value: 'mips' })
  try {
    await t.rejects(startEmbeddedPostgres({ dataDir }), {
      message:
        /no embedded PostgreSQL for this platform \(@embedded-postgres\/\w+-mips.*DATABASE_URL/,
    })
  } finally {
    Object.defineProperty(process, 'arch', arch ?? {})
  }
  t.notOk(fs.existsSync(path.join(dataDir, 'service.lock')), 'the folder is given back')

  fs.mkdirSync(path.join(dataDir, 'postgres'))
  fs.writeFileSync(path.join(dataDir, 'postgres', 'PG_VERSION'), '9\n')
  await t.rejects(startEmbeddedPostgres({ dataDir }), {
    message: /was made by PostgreSQL 9, and the packaged server is \d+: .*DATABASE_URL/,
  })
})

const onlyRoot: string | false = isRoot ? false : 'not root'

t.test('root without user namespaces is told so', { skip: onlyRoot }, async (t) => {
  // Without a PATH there is no unshare.
  const { child, lines } = startChild(t, [openFolder(t), 'idle'], { env: { PATH: '/nowhere' } })
  t.equal(await untilEnd(child), 1)
  t.match(lines[0], /error: PostgreSQL does not run as root.*DATABASE_URL/)
})

t.test('it runs as a plain user', { skip: onlyRoot }, async (t) => {
  const dir = openFolder(t)
  fs.chownSync(dir, 65534, 65534)
  const plain = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const clean = ['env', '-i', `PATH=${process.env['PATH']}`, `HOME=${dir}`, `TMPDIR=${dir}`]
  const wrap = [...plain, ...clean]
  if (spawnSync(wrap[0] ?? '', [...wrap.slice(1), 'test', '-r', CHILD]).status !== 0) {
    return t.pass('not tried', { skip: 'a plain user cannot read this checkout' })
  }
  const run = startChild(t, [path.join(dir, 'data'), 'idle'], { wrap })
  await until(() => run.lines.length > 0, 'it is ready', 30_000)
  t.same(run.lines, ['ready'])
  t.equal(fs.statSync(path.join(dir, 'data', 'postgres')).uid, 65534)
  run.child.kill('SIGTERM')
  const code = await untilEnd(run.child)
  t.equal(code, 0, `${run.child.signalCode ?? ''} ${run.lines.join(' | ')}`)
})

t.test(
  'a full disk is an error, not an end; with room again it goes on',
  { skip: onlyRoot },
  async (t) => {
    const dir = openFolder(t)
    const mount = (size: string) => ['mount', '-t', 'tmpfs', '-o', `size=${size}`, 'relight', dir]
    const sh = (command: string) => ['unshare', '--mount', 'sh', '-c', command]
    const [unshare = '', ...probe] = sh(mount('1m').join(' '))
    if (spawnSync(unshare, probe).status !== 0)
      return t.pass('not tried', { skip: 'no file system of our own here' })
    const wrap = sh(`${mount('220m').join(' ')} && exec "$@"`)
    const run = startChild(t, [dir, 'fill'], { wrap: [...wrap, 'sh'] })
    t.equal(await untilEnd(run.child), 0, run.lines.join(' | ').slice(0, 2000))
    t.match(
      run.lines.find((line) => line.startsWith('full:')),
      /No space left on device|terminat|closed/,
    )
    t.ok(run.lines.includes('goes on'))
    t.equal(run.lines.at(-1), 'still answers 1')
  },
)

// ── migrations

t.test('a fresh database has the tables, and migrating again changes nothing', async (t) => {
  const { db } = await openTestDatabase(t)
  t.same(await db.selectFrom('outage').selectAll().execute(), [])
  t.same(await migrate(db, SQL_DIR), { applied: [] })
})

t.test('of several that migrate at once, one does it', async (t) => {
  const { db, config } = await openTestDatabase(t, { migrated: false })
  const others = [1, 2].map(() => openDatabase(config))
  t.teardown(() => Promise.all(others.map((other) => other.db.destroy())))
  const all = await Promise.all(
    [db, ...others.map((other) => other.db)].map((each) => migrate(each, SQL_DIR)),
  )
  const files = fs.readdirSync(SQL_DIR).filter((file) => file.endsWith('.sql'))
  t.same(all.flatMap(({ applied }) => applied).sort(), files.sort(), 'each file once')
})

t.test('a migration that fails leaves nothing of itself', async (t) => {
  const { db, config } = await openTestDatabase(t, { migrated: false })
  const dir = t.testdir({
    '1_good.sql': `create table first (n int); create function one() returns int as $$ begin return 1; end $$ language plpgsql;`,
    '2_bad.sql': 'create table second (n int); create table first (n int);',
    'notes.txt': 'no migration',
  })
  await t.rejects(migrate(db, dir), { message: /2_bad\.sql failed: .*"first" already exists/ })
  const tables = `select tablename from pg_tables where schemaname = 'public' and tablename in ('first', 'second')`
  const before = await ask(config, tables)
  fs.writeFileSync(path.join(dir, '2_bad.sql'), 'create table second (n int)')
  await migrate(db, dir)
  t.same(await ask(config, tables), [{ tablename: 'first' }, { tablename: 'second' }])
  t.notMatch(before, [{ tablename: 'second' }])

  fs.rmSync(path.join(dir, '2_bad.sql'))
  await t.rejects(migrate(db, dir), { message: /cannot be migrated.*2_bad/ })
  await t.rejects(migrate(db, t.testdir({})), { message: /no \.sql files/ })
})
