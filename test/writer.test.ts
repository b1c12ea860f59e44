import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { constant, text } from '../src/stores/statement.ts'
import { openWriter } from '../src/stores/writer.ts'
import { openTestDatabase } from './support/database.ts'

async function openWords(test: Test) {
  const { db, config } = await openTestDatabase(test)
  await sql`create table word (said text primary key)`.execute(db)
  const writer = openWriter(config)
  test.teardown(() => writer.close())
  const words = async (): Promise<string[]> => {
    const { rows } = await sql<{ said: string }>`select said from word order by said`.execute(db)
    return rows.map((row) => row.said)
  }
  return {
    writer,
    words,
    add: (said: unknown) => constant(text`insert into word values (${said})`),
  }
}

t.test(
  'statements of one transaction are saved all or none, and the next is not hurt',
  async (t) => {
    const { writer, words, add } = await openWords(t)
    await writer.transact([add('a'), add('b')])
    await t.rejects(writer.transact([add('c'), add('a'), add('d')]), { code: '23505' })
    t.strictSame(await words(), ['a', 'b'])
    await writer.transact([add('c')])
    t.strictSame(await words(), ['a', 'b', 'c'])
  },
)

t.test('a statement sees what those before it wrote', async (t) => {
  const { writer, words, add } = await openWords(t)
  const twice = constant(text`insert into word select said || ${'!'} from word`)
  await writer.transact([add('a'), twice])
  t.strictSame(await words(), ['a', 'a!'])
})

t.test('the server parses a text once a connection', async (t) => {
  const { writer, words, add } = await openWords(t)
  const count = constant(
    text`insert into word select ${'parsed '} || count(*) from pg_prepared_statements where statement like ${'insert into word values%'}`,
  )
  await writer.transact([add('a'), add('b')])
  await writer.transact([add('c')])
  await writer.transact([count])
  t.strictSame(await words(), ['a', 'b', 'c', 'parsed 1'])
})

t.test('what cannot be sent is refused, and does not stand in the way of the next', async (t) => {
  const { writer, words, add } = await openWords(t)
  const endless: unknown[] = []
  endless.push({ endless })
  await t.rejects(writer.transact([add('a'), add(endless[0])]))
  await writer.transact([add('b')])
  t.strictSame(await words(), ['b'])
})

t.test('texts within texts keep their values in order', (t) => {
  const inner = text`f(${1}, ${2})`
  const { query } = constant(text`select ${0}, ${inner}, ${text`now()`}, ${3}`)
  t.equal(query.sql, 'select $1, f($2, $3), now(), $4')
  t.strictSame(query.parameters, [0, 1, 2, 3])
  t.end()
})
