import { RULEBOOKS, rulebookOf } from '../reliability/rulebooks.ts'
import type { IndexRule, Rulebook } from '../reliability/rulebook.ts'
import { TRANSFER_LOADS } from '../reliability/tie-limits.ts'
import { LEFT_OUT, predict, PREDICTION_GROUPINGS } from '../reliability/predict.ts'
import { explain, noSuchRow, type ExplainedQuantity } from '../stores/explain.ts'
import { indicesReport } from '../stores/indices.ts'
import { majorDays } from '../stores/major-days.ts'
import { EXCLUSIONS, GROUPINGS, withinOf } from '../stores/report-question.ts'
import { latestRevision, loadRevision } from '../stores/networks.ts'
import {
  aDay,
  allOf,
  aNumber,
  aWhole,
  needed,
  oneOf,
  parse,
  someOf,
  WrongUse,
  type Command,
} from './command.ts'
import { table } from './table.ts'
import { withDatabase } from './with-database.ts'

const RULEBOOK_IDS = RULEBOOKS.map((rulebook) => rulebook.id)

/** What a report is asked, for its figures and for what makes one of them. */
const REPORT_OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  by: { type: 'string', default: 'system' },
  rulebook: { type: 'string', default: 'ieee1366' },
  exclude: { type: 'string', default: '' },
  area: { type: 'string' },
  substation: { type: 'string' },
  feeder: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

export const indicesCommand: Command = {
  help: `relight indices --from D --to D [--by ${GROUPINGS.join('|')}] [--rulebook ${RULEBOOK_IDS.join('|')}]
                [--exclude ${EXCLUSIONS.join(',')}] [--area A] [--substation S] [--feeder F] [--json]
    reliability indices of a period of local days; --to is exclusive`,
  run: async (argv, io) => {
    const { period, json, ...asked } = parse(
      argv,
      REPORT_OPTIONS,
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        period: () => aPeriod(values.from, values.to),
        by: () => oneOf('by', values.by, GROUPINGS),
        rulebook: () => aRulebook(values.rulebook),
        exclude: () => someOf('exclude', values.exclude, EXCLUSIONS),
        within: () => withinOf(values),
        json: () => values.json,
      }),
    )
    const { by, rulebook, exclude, within } = asked
    return withDatabase(io, async ({ db }, { timeZone }) => {
      const now = io.now()
      const question = { ...period, by, rulebook, exclude, now, timeZone, ...within }
      const report = await indicesReport(db, question)
      if (json) {
        io.out(JSON.stringify(report.rows))
        return 0
      }
      const symbols = Object.keys(report.rows[0]?.indices ?? {})
      io.out(
        table(
          [by, 'customers', 'CI', 'CMI', ...symbols],
          report.rows.map((row) => [
            `${row.group ?? '(none)'}${row.provisional ? ' *' : ''}`,
            row.customersServed,
            row.ci,
            row.cmi,
            ...symbols.map((s) => row.indices[s] ?? null),
          ]),
        ),
      )
      if (report.rows.some((row) => row.provisional)) io.out('* provisional: someone is still out')
      for (const note of report.notes) io.out(note)
      io.out(`${report.rulebook.name}: ${JSON.stringify(report.rulebook.settings)}`)
      return 0
    })
  },
}

/** Lines of a list of parts on a screen; `--json` has them all. */
const PARTS_SHOWN = 20

export const explainCommand: Command = {
  help: `relight explain --index SYMBOL --from D --to D [--by … --group G] [--rulebook …] [--exclude …] [--area A] [--substation S]
                [--feeder F] [--json]
    takes a figure of a report apart: into outages or customers, their sets, and the observations from which they follow`,
  run: async (argv, io) => {
    const { period, json, ...asked } = parse(
      argv,
      { ...REPORT_OPTIONS, index: { type: 'string' }, group: { type: 'string' } },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        period: () => aPeriod(values.from, values.to),
        by: () => oneOf('by', values.by, GROUPINGS),
        group: () => values.group ?? (values.by === 'system' ? 'system' : null),
        rulebook: () => aRulebook(values.rulebook),
        index: () => anIndex(values.rulebook, needed('index', values.index)),
        exclude: () => someOf('exclude', values.exclude, EXCLUSIONS),
        within: () => withinOf(values),
        json: () => values.json,
      }),
    )
    const { within, ...rest } = asked
    return withDatabase(io, async ({ db }, { timeZone }) => {
      const question = { ...period, ...rest, now: io.now(), timeZone, ...within }
      const told = await explain(db, question)
      if ('rows' in told) throw new WrongUse(`--group: ${noSuchRow(question, rest.group, told)}`)
      if (json) {
        io.out(JSON.stringify(told))
        return 0
      }
      const { figure, outages } = told
      if (figure === null) throw new Error('an index was asked for')
      io.out(`${figure.index} = ${figure.value ?? 'none'} ${figure.unit}: ${figure.name.en}`)
      io.out(`${figure.form}, scale ${figure.scale}, ${figure.periodHours} h`)
      for (const [place, quantity] of [
        ['above the line', figure.top],
        ['below the line', figure.bottom],
      ] as const)
        if (quantity !== null) sayQuantity(place, quantity, io.out)
      for (const { outage, origin, device, sets, observations } of outages.slice(0, PARTS_SHOWN)) {
        io.out(`${outage} (${origin ?? 'unknown'}${device === null ? '' : `, ${device}`})`)
        for (const set of sets)
          io.out(
            `  ${set.from} to ${set.until ?? 'now'}: ${set.customers} of ${set.feeder ?? 'no feeder'}, ${set.nature}, ${set.length}, ${set.customerSeconds} s`,
          )
        for (const said of observations)
          io.out(`  ${said.at} ${said.gateway} ${said.kind} ${said.point} ${said.value}`)
      }
      return 0
    })
  },
}

function sayQuantity(
  place: string,
  { of: quantity, value, parts, rest }: ExplainedQuantity,
  out: (line: string) => void,
): void {
  out(`${place}: ${JSON.stringify(quantity)} = ${value ?? 'none'}`)
  if (parts === null) return
  const shown = parts.slice(0, PARTS_SHOWN)
  const others = parts.slice(PARTS_SHOWN)
  out(
    table(
      ['load point', 'outages', 'adds'],
      shown.map((part) => [part.loadPoint ?? '-', part.outages.join(' '), part.value]),
    ),
  )
  const more = others.length + (rest?.parts ?? 0)
  const sum = others.reduce((total, part) => total + part.value, rest?.value ?? 0)
  if (more > 0) out(`${more} more: ${sum}`)
}

export const majorDaysCommand: Command = {
  help: `relight major-days --year Y [--area A] [--json]
    threshold and days of the 2.5 beta method (IEEE 1366): of up to five years before, at least 12 months`,
  run: async (argv, io) => {
    const { year, area, json } = parse(
      argv,
      {
        year: { type: 'string' },
        area: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        year: () => {
          const number = aWhole('year', needed('year', values.year), 1900)
          if (number <= 9999) return number
          throw new WrongUse(`--year is a year such as 2026, not ${values.year}`)
        },
        area: () => values.area ?? null,
        json: () => values.json,
      }),
    )
    const rulebook = aRulebook('ieee1366')
    return withDatabase(io, async ({ db }, { timeZone }) => {
      const found = await majorDays(db, { year, area, rulebook, now: io.now(), timeZone })
      if (json) {
        io.out(JSON.stringify(found))
        return 0
      }
      if (found.thresholdMin === null)
        io.out(`no threshold: ${found.historyDays} days of history; at least 12 months are needed`)
      else
        io.out(
          `threshold ${found.thresholdMin} min (alpha ${found.alpha}, beta ${found.beta}, ${found.historyDays} days in ${found.historyMonths} of 60 months)`,
        )
      io.out(
        table(
          ['day', 'SAIDI min'],
          found.days.map((day) => [day.date, day.saidiMin]),
        ),
      )
      return 0
    })
  },
}

export const predictCommand: Command = {
  help: `relight predict [--without ${LEFT_OUT.join(',')}] [--transformer-h H] [--switching-h 1] [--fuse-success P] [--tie-success P]
                [--tie-limits] [--transfer-load ${TRANSFER_LOADS.join('|')}] [--by ${PREDICTION_GROUPINGS.join('|')}] [--json]
    reliability that the failure data of the network lead one to expect; with --tie-limits only what ratings allow is transferred`,
  run: async (argv, io) => {
    const { json, ...options } = parse(
      argv,
      {
        without: { type: 'string', default: '' },
        'transformer-h': { type: 'string' },
        'switching-h': { type: 'string', default: '1' },
        'fuse-success': { type: 'string', default: '1' },
        'tie-success': { type: 'string', default: '1' },
        'tie-limits': { type: 'boolean', default: false },
        'transfer-load': { type: 'string', default: 'average' },
        by: { type: 'string', default: 'system' },
        json: { type: 'boolean', default: false },
      },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        without: () => someOf('without', values.without, LEFT_OUT),
        transformer: () => {
          const hours = values['transformer-h']
          return hours === undefined ? {} : { transformerH: aNumber('transformer-h', hours) }
        },
        switchingH: () => aNumber('switching-h', values['switching-h']),
        fuseProbability: () => aShare('fuse-success', values['fuse-success']),
        tieProbability: () => aShare('tie-success', values['tie-success']),
        tieLimits: () => values['tie-limits'],
        transferLoad: () => oneOf('transfer-load', values['transfer-load'], TRANSFER_LOADS),
        by: () => oneOf('by', values.by, PREDICTION_GROUPINGS),
        json: () => values.json,
      }),
    )
    return withDatabase(io, async ({ db }) => {
      const revision = await latestRevision(db)
      if (revision === undefined) {
        io.err('there is no network: import one with relight network import')
        return 1
      }
      const { rows, notes } = predict(await loadRevision(db, revision.revision), {
        ...options,
        ...options.transformer,
      })
      if (json) {
        io.out(JSON.stringify(rows))
        return 0
      }
      const symbols = Object.keys(
        rows[0]?.indices ?? {},
      ) as (keyof (typeof rows)[number]['indices'])[]
      const units = rows[0]?.units ?? {}
      io.out(
        table(
          [options.by, 'customers', ...symbols.map((s) => `${s} ${units[s] ?? ''}`)],
          rows.map((row) => [
            row.group ?? '(none)',
            row.customersServed,
            ...symbols.map((s) => row.indices[s]),
          ]),
        ),
      )
      for (const note of notes) io.out(note)
      return 0
    })
  },
}

/** Two days, the second exclusive; or WrongUse with what is wrong with each. */
function aPeriod(
  first: string | undefined,
  last: string | undefined,
): { from: string; to: string } {
  const { from, to } = allOf({
    from: () => aDay('from', needed('from', first)),
    to: () => aDay('to', needed('to', last)),
  })
  if (to <= from) throw new WrongUse('--to must be after --from')
  return { from, to }
}

function anIndex(rulebook: string, symbol: string): IndexRule {
  // A rulebook that is not there is a fault of its own.
  const indices = rulebookOf(rulebook)?.indices ?? RULEBOOKS.flatMap((each) => each.indices)
  const known = indices.map((rule) => rule.symbol)
  const found = indices.find((rule) => rule.symbol === oneOf('index', symbol, known))
  if (found === undefined) throw new Error(`the index ${symbol} is missing`)
  return found
}

function aRulebook(id: string): Rulebook {
  const rulebook = rulebookOf(oneOf('rulebook', id, RULEBOOK_IDS))
  if (rulebook === undefined) throw new Error(`the rulebook ${id} is missing`)
  return rulebook
}

function aShare(name: string, value: string): number {
  const share = aNumber(name, value)
  if (share > 1) throw new WrongUse(`--${name} is a number from 0 to 1, not ${value}`)
  return share
}
