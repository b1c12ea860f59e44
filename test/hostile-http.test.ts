/**
 * Every route, asked by somebody who may use it and means harm: wrong types, numbers without end, texts that are no text, bodies that are no
 * JSON. Each is answered by a word of ours, below 500, and what comes after is answered as before. The routes and what they take come from
 * the description that the service publishes of itself, so that a new route is tried too.
 */
import t from 'tap'
import { openTestDatabase } from './support/database.ts'
import { issueToken } from '../src/http/auth.ts'
import { NOW, openFront, SECRET, tokenFor } from './support/people.ts'

type Schema = {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  format?: string
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  anyOf?: Schema[]
  minItems?: number
  pattern?: string
  minimum?: number
  default?: unknown
}
type Operation = {
  parameters?: {
    name: string
    in: 'query' | 'path' | 'header'
    required?: boolean
    schema: Schema
  }[]
  requestBody?: { content: Record<string, { schema?: Schema }> }
}

const LONG = 'x'.repeat(70_000)
const TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\u0001\u001b[2J',
  '\ud800',
  '\u202e\u2066',
  "'; drop table outage; --",
  '../../etc/passwd',
  '%00%ff',
  '=1+1',
  '<script>',
  '${jndi:x}',
  '__proto__',
  'constructor',
  'NaN',
  '-1',
  '1e309',
  '9'.repeat(400),
  '0001-01-01T00:00:00Z',
  '275760-09-14',
  '+275760-09-13T00:00:00.001Z',
  '2026-02-30',
  '2026-13-01T00:00:00Z',
  'z'.repeat(3_000),
]
const VALUES: unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  9e15,
  -9e15,
  1e308,
  [],
  {},
  [[]],
  [null],
  { a: { b: { c: 1 } } },
  ['x'],
  ...TEXTS,
  LONG,
]
const RAW: readonly (readonly [string, string])[] = [
  ['application/json', ''],
  ['application/json', '{'],
  ['application/json', 'null'],
  ['application/json', '"x"'],
  ['application/json', '[]'],
  ['application/json', '{"__proto__":{"role":"admin"}}'],
  ['application/json', '{"constructor":{"prototype":{"role":"admin"}}}'],
  ['application/json', '['.repeat(30_000)],
  ['application/json', `{"a":"${'x'.repeat(3_000_000)}"}`],
  ['application/json', '\u0000\u0001\ufffe'],
  ['text/plain', '{}'],
  ['application/xml', '<a/>'],
  ['application/x-www-form-urlencoded', 'a=1&a=2&__proto__[x]=1'],
  ['multipart/form-data; boundary=x', '--x--'],
  ['nonsense', 'x'],
]

/** Something that such a field may be, so that the neighbour's harm is what is looked at. */
function plausible(schema: Schema): unknown {
  if (schema.default !== undefined) return schema.default
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.anyOf !== undefined) return plausible(schema.anyOf[0] ?? {})
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1)
    case 'boolean':
      return true
    case 'array':
      return (schema.minItems ?? 0) > 0 ? [plausible(schema.items ?? {})] : []
    case 'object':
      return whole(schema)
    case undefined:
    default:
      return schema.format === 'date-time' ? '2026-03-10T11:00:00Z' : 'x'
  }
}

const whole = ({ properties = {}, required = [] }: Schema): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name))
      .map(([name, schema]) => [name, plausible(schema)]),
  )

/** Bodies with one field after the other, at any depth, made hostile. */
function* spoiled(schema: Schema): Generator {
  const base = whole(schema)
  for (const [name, own] of Object.entries(schema.properties ?? {})) {
    for (const value of VALUES) yield { ...base, [name]: value }
    const inner = own.type === 'array' ? own.items : own
    if (inner?.properties === undefined) continue
    for (const each of spoiled(inner))
      yield { ...base, [name]: own.type === 'array' ? [each] : each }
  }
}

t.test('whatever is asked is answered by a word of ours, and never by a fault', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, {
    act: () => Promise.resolve({ outcome: 'unknown-outage' }),
    announce: () => Promise.resolve(),
  })
  // Whom nothing is refused, and a new one now and then, whom no limit has counted yet.
  let token = await tokenFor('admin', ['P1'])
  const renew = async (): Promise<void> => {
    const of = { role: 'admin' as const, subject: `asker ${asked}`, servicePoints: ['P1'] }
    token = await issueToken({ ...of, ttlS: 3600 }, SECRET, NOW)
  }
  const { paths } = front.app.swagger() as unknown as {
    paths: Record<string, Record<string, Operation>>
  }
  let asked = 0
  const wrong: string[] = []
  const answers = new Map<number, number>()
  async function ask(
    method: string,
    url: string,
    about: string,
    body?: { type: string; text: string },
  ): Promise<void> {
    if (asked % 20 === 0) await renew()
    asked += 1
    const {
      statusCode,
      headers,
      body: text,
    } = await front.app.inject({
      method: method.toUpperCase() as 'GET',
      url,
      remoteAddress: `10.${(asked >> 16) & 255}.${(asked >> 8) & 255}.${asked & 255}`,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': body.type }),
      },
      ...(body === undefined ? {} : { payload: body.text }),
    })
    answers.set(statusCode, (answers.get(statusCode) ?? 0) + 1)
    if (statusCode >= 500) wrong.push(`${statusCode} ${method} ${about}: ${text.slice(0, 200)}`)
    else if (statusCode >= 400 && url.startsWith('/api/')) {
      const isProblem = String(headers['content-type']).startsWith('application/problem+json')
      const { title, status } = isProblem ? (JSON.parse(text) as Record<string, unknown>) : {}
      if (typeof title !== 'string' || status !== statusCode)
        wrong.push(`${statusCode} ${method} ${about}: no problem of ours: ${text.slice(0, 100)}`)
    }
  }

  const encoded = (text: string): string => {
    try {
      return encodeURIComponent(text)
    } catch {
      return '%ED%A0%80'
    }
  }
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, { parameters = [], requestBody }] of Object.entries(operations)) {
      const schema = Object.values(requestBody?.content ?? {})[0]?.schema
      const pathWith = (name: string, value: string): string =>
        path.replaceAll(/\{(\w+)\}/g, (_, each: string) =>
          each === name ? encoded(value) : encoded(String(plausible({ type: 'string' }))),
        )
      const query = (changed: Record<string, string>): string => {
        const known = parameters
          .filter((one) => one.in === 'query' && one.required === true)
          .map(({ name, schema: own }) => [name, String(plausible(own))])
        const all = { ...Object.fromEntries(known), ...changed }
        return Object.entries(all)
          .map(([name, value]) => `${encoded(name)}=${encoded(String(value))}`)
          .join('&')
      }
      const good = schema === undefined ? undefined : JSON.stringify(whole(schema))
      const withBody = good === undefined ? undefined : { type: 'application/json', text: good }
      for (const parameter of parameters)
        for (const value of TEXTS) {
          const about = `${path} ${parameter.in} ${parameter.name}=${JSON.stringify(value.slice(0, 40))}`
          if (parameter.in === 'path')
            await ask(method, `${pathWith(parameter.name, value)}?${query({})}`, about, withBody)
          else if (parameter.in === 'query')
            await ask(
              method,
              `${pathWith('', '')}?${query({ [parameter.name]: value })}`,
              about,
              withBody,
            )
        }
      const url = `${pathWith('', '')}?${query({})}`
      await ask(
        method,
        `${url}&nobody=knows&__proto__=x&a[b]=c&%zz`,
        `${path} query of others`,
        withBody,
      )
      if (method === 'get' || method === 'delete') continue
      for (const [type, text] of RAW)
        await ask(method, url, `${path} ${type} ${text.slice(0, 30)}`, { type, text })
      if (schema === undefined) continue
      for (const body of spoiled(schema)) {
        const text = JSON.stringify(body)
        await ask(method, url, `${path} ${text.slice(0, 120)}`, { type: 'application/json', text })
      }
    }
  }
  t.comment(
    `${asked} questions: ${[...answers].map(([status, n]) => `${status} × ${n}`).join(', ')}`,
  )
  t.ok(asked > 3_000, `${asked} questions`)
  t.strictSame(wrong.slice(0, 30), [], `${wrong.length} answers were faults`)
  const { status } = await front.ask('GET', '/api/v1/outages', token)
  t.equal(status, 200, 'and the next is answered')
})
