import t from 'tap'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'
import { NOW, openFront, tokenFor, type Answer } from './support/people.ts'
import { seeded } from './support/seeded.ts'

const SEED = 20261140
const iso = (at: number) => new Date(at).toISOString()
const HISTORY_H = 24 * 7 * 24
const FORECAST_DAYS = 70

/** Degrees that wander from day to day, by hour from `HISTORY_H` before now until a week ahead. */
function weather(): (at: number) => number {
  const random = seeded(SEED)
  const degrees: number[] = []
  let level = 22
  for (let hour = 0; hour < HISTORY_H + 200; hour++) {
    if (hour % 24 === 0) level += 0.3 * (22 - level) + 8 * (random() - 0.5)
    degrees.push(Math.round(10 * (level + 5 * Math.sin((2 * Math.PI * hour) / 24))) / 10)
  }
  return (at) => degrees[Math.round((at - NOW) / MS_PER_H) + HISTORY_H] ?? NaN
}

await t.test('temperatures from outside, over HTTP', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  const front = await openFront(t, database)
  const token = await tokenFor('planner')
  const get = async (url: string): Promise<Answer> => {
    const answer = await front.ask('GET', `/api/v1/${url}`, token)
    if (answer.status !== 200) throw new Error(`${url}: ${answer.text}`)
    return answer.body
  }
  const give = (place: string, body: object) =>
    front.ask('POST', `/api/v1/temperatures/${place}`, token, body)
  const celsius = weather()
  const hours = (from: number, count: number, of = celsius) =>
    Array.from({ length: count }, (_, i) => from + i * MS_PER_H).map((at) => ({
      at: iso(at),
      celsius: of(at),
    }))

  // F1's head: 4 kW for each degree above 18, and a week's rhythm.
  await db
    .insertInto('load_hour')
    .values(
      Array.from({ length: HISTORY_H }, (_, i) => NOW - (i + 1) * MS_PER_H).map((at) => {
        const day = new Date(at)
        const rhythm = 100 + 30 * Math.sin((2 * Math.PI * day.getUTCHours()) / 24)
        const off = day.getUTCDay() % 6 === 0 ? -20 : 0
        const w = Math.round(1000 * (rhythm + off + 4 * Math.max(0, celsius(at) - 18)))
        const same = { mean_w: w, peak_w: w, min_w: w }
        return { point: 'H1', at: new Date(at), quarters: 4, mean_var: 0, ...same }
      }),
    )
    .execute()
  const forecast = () => get('loads/F1/forecast?hours=168')
  const blind = await forecast()
  t.not(blind.method, 'temperature')
  t.equal(blind.errorPct.temperature, null)

  // What was measured, and what was forecast at noon of each of the last days.
  const history = hours(NOW - HISTORY_H * MS_PER_H, HISTORY_H)
  t.match(await give('west', { hours: history }), {
    status: 200,
    body: { place: 'west', measured: HISTORY_H, forecast: 0 },
  })
  const measured = await forecast()
  t.strictSame(measured.hours, blind.hours, 'what was measured alone forecasts nothing')
  for (let day = FORECAST_DAYS; day >= 0; day--) {
    const issued = NOW - day * MS_PER_DAY
    const answer = await give('west', {
      issuedAt: iso(issued),
      hours: hours(issued + MS_PER_H, 168),
    })
    t.match(answer, { status: 200, body: { measured: 0, forecast: 168 } })
  }

  await t.test(
    'the forecast of the feeder in that area is told, its neighbour is not',
    async (t) => {
      const told = await forecast()
      t.equal(told.method, 'temperature')
      const { temperature, regression, seasonalNaive } = told.errorPct
      t.ok(
        temperature < regression / 2 && temperature < seasonalNaive / 2,
        JSON.stringify(told.errorPct),
      )
      t.comment(`errors in per cent ${JSON.stringify(told.errorPct)} (seed ${SEED})`)
      t.equal((await get('loads/W/forecast')).method, 'temperature', 'its station, too')
      t.equal((await get('loads/F2/forecast')).errorPct.temperature, null)
    },
  )

  await t.test(
    'what was forecast after an origin changes nothing of how that origin is judged',
    async (t) => {
      const before = await forecast()
      for (let day = FORECAST_DAYS; day > 0; day--) {
        const issuedAt = iso(NOW - day * MS_PER_DAY + 30 * MS_PER_MIN)
        const wrong = hours(NOW - day * MS_PER_DAY + MS_PER_H, 23, () => -40)
        t.equal((await give('west', { issuedAt, hours: wrong })).status, 200)
      }
      t.strictSame((await forecast()).errorPct, before.errorPct)
      const now = hours(NOW + MS_PER_H, 168, (at) => celsius(at) + 10)
      t.equal((await give('west', { hours: now })).status, 200)
      const warmer = await forecast()
      t.strictSame(warmer.errorPct, before.errorPct)
      const rise = (i: number): number => warmer.hours[i].kw - before.hours[i].kw
      t.ok(
        [20, 80, 140].every((i) => rise(i) > 20),
        'but ten degrees more are more load ahead',
      )
    },
  )

  await t.test(
    'the newest word of an hour is read back; saying it again changes nothing',
    async (t) => {
      const at = iso(NOW + 5 * MS_PER_H)
      for (const says of [31.5, 30, 30]) {
        t.equal((await give('E', { hours: [{ at, celsius: says }] })).status, 200)
      }
      t.strictSame((await get('temperatures/E')).hours, [
        { at, celsius: 30, issuedAt: iso(NOW), measured: false },
      ])
      const past = iso(NOW - MS_PER_DAY)
      await give('E', { hours: [{ at: past, celsius: -3.5 }] })
      t.match((await get('temperatures/E')).hours[0], { at: past, celsius: -3.5, measured: true })
      t.equal((await get(`temperatures/E?to=${iso(NOW)}`)).hours.length, 1)
    },
  )

  await t.test('the feeder’s own stand before those of its area', async (t) => {
    await give('F1', { hours: hours(NOW - MS_PER_DAY, 20) })
    const own = await forecast()
    t.not(own.method, 'temperature', 'a day of its own says too little')
    t.strictSame(own.hours, blind.hours)
  })

  await t.test('what cannot be is refused with where and which, and nothing is kept', async (t) => {
    const one = { at: iso(NOW), celsius: 20 }
    const count = async () =>
      Number((await database.pool.query('select count(*) from temperature')).rows[0].count)
    const before = await count()
    for (const [body, where] of [
      [{ hours: [one, { ...one, at: iso(NOW + 30 * MS_PER_MIN) }] }, '/hours/1/at'],
      [{ hours: [{ ...one, at: iso(NOW + 17 * MS_PER_DAY) }] }, '/hours/0/at'],
      [{ hours: [{ ...one, at: '2026-03-10T25:00:00Z' }] }, '/hours/0/at'],
      [{ hours: [{ ...one, celsius: 99 }] }, '/hours/0/celsius'],
      [{ hours: [{ at: one.at }] }, '/hours/0'],
      [{ hours: [] }, '/hours'],
      [{ hours: Array.from({ length: 9601 }, () => one) }, '/hours'],
      [{ issuedAt: iso(NOW + MS_PER_H), hours: [one] }, '/issuedAt'],
    ] as const) {
      const answer = await give('west', body)
      t.match(answer, { status: 400 }, answer.text)
      t.ok(JSON.stringify(answer.body.errors).includes(`"${where}`), answer.text)
    }
    t.equal((await give('nowhere', { hours: [one] })).status, 404)
    t.equal((await front.ask('GET', '/api/v1/temperatures/nowhere', token)).status, 404)
    const span = `temperatures/west?from=${iso(NOW)}&to=${iso(NOW)}`
    t.equal((await front.ask('GET', `/api/v1/${span}`, token)).status, 400)
    t.equal(await count(), before)
  })
})
