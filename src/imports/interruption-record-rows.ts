import { createHash } from 'node:crypto'
import { causeDetailOf, isOutside, type CauseDetailName } from '../reliability/cause-detail.ts'
import type { RecordStep } from '../reliability/record.ts'
import type { EpochMs } from '../time.ts'
import type { FaultList } from './fault-list.ts'
import {
  RECORD_COLUMNS,
  type RecordColumn,
  type RecordMapping,
} from './interruption-record-mapping.ts'
import { instantReader, type InstantRead } from './interruption-record-times.ts'

export const ID_CHARS_MAX = 128
const CUSTOMERS_MAX = 2 ** 31 - 1
const LONG_MS = 31 * 24 * 3_600_000

// Still out, or not written down: only who wrote the record knows, and an index takes the one for the other without a word.
const NO_END = 'is missing; a mapping may say withoutEnd: "open" (still out) or "leaveOut"'

const REQUIRED: readonly RecordColumn[] = ['outage', 'started_at', 'ended_at', 'customers']
/** The columns of what stands beside a cause. */
const DETAIL_COLUMNS: Readonly<Record<CauseDetailName, RecordColumn>> = {
  subCause: 'sub_cause',
  equipment: 'equipment',
  weather: 'weather',
  responsibleSystem: 'responsible_system',
}
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

export type RowReader = {
  /** The step of a row; null where it was refused or left out. */
  row(fields: readonly string[], line: number): RecordStep | null
  readonly leftOut: () => number
}

export type RowOptions = {
  readonly mapping: RecordMapping
  /** Of dates without an offset; the mapping's own comes first. */
  readonly timeZone: string | undefined
  /** Feeders of the networks that are loaded; undefined where none is. */
  readonly knownFeeders: ReadonlySet<string> | undefined
  readonly file: string
  readonly faults: FaultList
}

/** Null where the header cannot be used; the faults say why. */
export function openRowReader(header: readonly string[], options: RowOptions): RowReader | null {
  const { mapping, faults, file, knownFeeders } = options
  const places = placesOf(header, options)
  if (places === null) return null
  const read = instantReader(mapping.dates ?? [], mapping.timeZone ?? options.timeZone)
  const planned = new Set(mapping.plannedCauses)
  let leftOut = 0

  function row(fields: readonly string[], line: number): RecordStep | null {
    const where = `${file}:${line}`
    let good = true
    const refuse = (field: string | null, code: string, says: string, ids: string[] = []): null => {
      faults.add({ severity: 'error', component: 'row', field, where, says, ids, code })
      good = false
      return null
    }
    const warn = (field: string, code: string, says: string, ids: string[]): void =>
      faults.add({ severity: 'warning', component: 'row', field, where, says, ids, code })
    if (fields.length !== header.length) {
      return refuse(
        null,
        'wrong-field-count',
        `has ${fields.length} fields where the header has ${header.length}`,
      )
    }
    const text = (column: RecordColumn): string => {
      const at = places?.[column]
      const own =
        at
          ?.map((i) => fields[i] ?? '')
          .join(' ')
          .trim() ?? ''
      return own === '' ? (mapping.constants?.[column] ?? '') : own
    }
    const name = (column: RecordColumn): string | null => {
      const value = text(column)
      if (value.length > ID_CHARS_MAX)
        return refuse(column, 'too-long', `is longer than ${ID_CHARS_MAX} characters`, [value])
      if (CONTROL.test(value))
        return refuse(column, 'control-character', 'has a control character', [value])
      return value === '' ? null : value
    }
    const instant = (column: 'started_at' | 'ended_at' | 'planned_until'): InstantRead | null => {
      const value = text(column)
      const found = read(value)
      if (found === undefined) {
        return value === ''
          ? refuse(column, 'no-date', column === 'ended_at' ? NO_END : 'is missing')
          : refuse(column, 'bad-date', 'is no date that we can read', [value])
      }
      if ('noZone' in found) {
        return refuse(column, 'no-zone', 'has no offset, and no time zone was given', [value])
      }
      if (found.note === 'skipped')
        warn(column, 'skipped-time', 'does not exist in its time zone: read an hour later', [value])
      return found
    }
    const flag = (column: 'external' | 'source_shortage'): boolean => {
      const value = text(column)
      if (!['', '0', '1'].includes(value)) refuse(column, 'bad-flag', 'is neither 0 nor 1', [value])
      return value === '1'
    }

    if (text('ended_at') === '' && mapping.withoutEnd === 'leaveOut') {
      leftOut += 1
      warn('ended_at', 'left-out', 'has no end and is left out', [text('outage')])
      return null
    }
    const outage = mapping.outagePerRow === true ? digest(fields) : name('outage')
    if (outage === null && good) refuse('outage', 'no-outage', 'is missing')
    const started = instant('started_at')
    const open = text('ended_at') === '' && mapping.withoutEnd === 'open'
    const ended = open ? null : instant('ended_at')
    const from = started !== null && 'at' in started ? started.at : NaN
    const until = ended === null || !('at' in ended) ? null : endAfter(from, ended)
    if (until !== null && until < from)
      refuse('ended_at', 'end-before-start', 'ends before it starts', [text('outage')])
    if (until !== null && until - from > LONG_MS)
      warn('ended_at', 'very-long', 'lasts more than 31 days', [text('outage')])
    const count = text('customers')
    const customers = /^\d+$/.test(count) ? Number(count) : NaN
    if (/^-\d/.test(count))
      refuse('customers', 'negative-customers', 'is less than nobody', [count])
    else if (!(customers <= CUSTOMERS_MAX))
      refuse('customers', 'bad-customers', 'is no number of customers', [count])
    const kva = text('connected_kva')
    const connectedKva = kva === '' ? null : Number(kva)
    if (connectedKva !== null && !(connectedKva >= 0 && Number.isFinite(connectedKva)))
      refuse('connected_kva', 'bad-number', 'is no kVA', [kva])
    const cause = name('cause')
    const ourCause = cause === null ? null : (mapping.causes?.[cause] ?? cause)
    const beside = causeDetailOf(ourCause, {
      subCause: inOurs(text('sub_cause'), mapping.subCauses),
      equipment: inOurs(text('equipment'), mapping.equipment),
      weather: inOurs(text('weather'), mapping.weather),
      responsibleSystem: inOurs(text('responsible_system'), mapping.responsibleSystems),
    })
    for (const { name: detail, says } of beside.faults) {
      const column = DETAIL_COLUMNS[detail]
      refuse(column, 'bad-cause-detail', says, [text(column)])
    }
    const natureWord = text('nature')
    const nature = planned.has(cause ?? '')
      ? 'planned'
      : (mapping.natures?.[natureWord] ?? natureWord) || 'unplanned'
    if (nature !== 'planned' && nature !== 'unplanned' && nature !== 'temporary')
      refuse('nature', 'bad-nature', 'is none of planned, temporary, unplanned', [natureWord])
    const feeder = name('feeder')
    if (
      feeder !== null &&
      knownFeeders !== undefined &&
      mapping.unknownFeeders !== 'keep' &&
      !knownFeeders.has(feeder)
    )
      refuse('feeder', 'unknown-feeder', 'is a feeder that no network has', [feeder])
    const approved = text('planned_until') === '' ? null : instant('planned_until')
    const step: RecordStep = {
      outage: outage ?? '',
      from,
      until,
      customers,
      area: name('area'),
      substation: name('substation'),
      feeder,
      loadPoint: name('load_point'),
      connectedKva,
      cause: ourCause,
      causeDetail: beside.detail,
      nature: nature === 'unplanned' ? 'unplanned' : 'planned',
      temporary: nature === 'temporary',
      plannedUntil: approved !== null && 'at' in approved ? endAfter(from, approved) : null,
      // Who leaves it open has said it by the cause; what is said holds.
      external: text('external') === '' ? isOutside(ourCause, beside.detail) : flag('external'),
      sourceShortage: flag('source_shortage'),
    }
    return good ? step : null
  }
  return { row, leftOut: () => leftOut }
}

const inOurs = (word: string, ours: Readonly<Record<string, string>> | undefined): string =>
  ours !== undefined && Object.hasOwn(ours, word) ? (ours[word] ?? word) : word

/** An hour that occurs twice in autumn: an end means its second occurrence where the first lies before the start. */
function endAfter(from: EpochMs, ended: Extract<InstantRead, { at: EpochMs }>): EpochMs {
  if (ended.note !== 'twice' || ended.at >= from) return ended.at
  return ended.at + 3_600_000
}

type Places = Partial<Record<RecordColumn, number[]>>

function placesOf(header: readonly string[], options: RowOptions): Places | null {
  const { mapping, faults, file } = options
  const places: Places = {}
  let good = true
  const refuse = (field: string, code: string, says: string): void => {
    faults.add({ severity: 'error', component: 'file', field, where: `${file}:1`, says, code })
    good = false
  }
  const seen = new Set<string>()
  for (const title of header) {
    if (seen.has(title) && title !== '') refuse(title, 'duplicate-column', 'is there twice')
    seen.add(title)
  }
  const used = new Set<string>()
  for (const column of RECORD_COLUMNS) {
    const wanted = mapping.columns?.[column]
    const titles = wanted === undefined ? [column] : Array.isArray(wanted) ? wanted : [wanted]
    const found = titles.map((title) => header.indexOf(title))
    if (!found.includes(-1)) {
      places[column] = found
      for (const title of titles) used.add(title)
      continue
    }
    const replaced =
      mapping.constants?.[column] !== undefined ||
      (column === 'outage' && mapping.outagePerRow === true)
    if ((wanted !== undefined || REQUIRED.includes(column)) && !replaced)
      refuse(titles.join(' + '), 'missing-column', `is missing: no ${column} without it`)
  }
  if (mapping.columns === undefined) {
    for (const title of header) {
      if (used.has(title)) continue
      faults.add({
        severity: 'warning',
        component: 'file',
        field: title,
        where: `${file}:1`,
        says: 'is a column that we do not know; it is not read',
        code: 'unknown-column',
      })
    }
  }
  return good ? places : null
}

/** The name of an outage that has none: what its row says. */
const digest = (fields: readonly string[]): string =>
  createHash('sha1').update(fields.join('\u001f')).digest('hex').slice(0, 20)
