import { Type, type Static } from 'typebox'
import { Check, Errors } from 'typebox/value'
import { isDay, isTimeZone } from '../reliability/calendar.ts'
import { patternOf } from './interruption-record-times.ts'
import type { Fault } from './report.ts'

export const RECORD_COLUMNS = [
  'outage',
  'started_at',
  'ended_at',
  'customers',
  'area',
  'substation',
  'feeder',
  'load_point',
  'connected_kva',
  'cause',
  'nature',
  'external',
  'source_shortage',
  'planned_until',
  'sub_cause',
  'equipment',
  'weather',
  'responsible_system',
] as const
export type RecordColumn = (typeof RECORD_COLUMNS)[number]

const Column = Type.Union([
  Type.String({ minLength: 1 }),
  Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
])
const Words = Type.Record(Type.String(), Type.String())

/** A file beside a record that says how to read it. */
export const MappingSchema = Type.Object(
  {
    /** Our column → theirs; several are joined by a space. What is not named keeps our name. */
    columns: Type.Optional(
      Type.Object(Object.fromEntries(RECORD_COLUMNS.map((name) => [name, Type.Optional(Column)])), {
        additionalProperties: false,
      }),
    ),
    /** Each row is an outage of its own; then no column `outage` is needed. Exact repeats are kept. */
    outagePerRow: Type.Optional(Type.Boolean()),
    /** True: each area numbers its own outages. False: a name is one outage, and an area that differs from the record's was corrected. */
    namesByArea: Type.Optional(Type.Boolean()),
    /** Forms of their dates, tried in this order: YYYY MM M DD D HH H hh h mm ss SSS A Z. */
    dates: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
    /** IANA zone of dates without an offset. */
    timeZone: Type.Optional(Type.String()),
    encoding: Type.Optional(Type.String()),
    /** Our column → a value for every row that has none of its own. */
    constants: Type.Optional(Words),
    /** Their word → ours. Words that are not named stay as they are. */
    causes: Type.Optional(Words),
    natures: Type.Optional(Words),
    subCauses: Type.Optional(Words),
    equipment: Type.Optional(Words),
    weather: Type.Optional(Words),
    responsibleSystems: Type.Optional(Words),
    /** Causes that mean planned work, in their words. */
    plannedCauses: Type.Optional(Type.Array(Type.String())),
    /** What to do with a row that has no end: refuse it (the default), leave it out, or take it as still going on. */
    withoutEnd: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('leaveOut'), Type.Literal('open')]),
    ),
    /** `keep` takes feeders that no network revision has. */
    unknownFeeders: Type.Optional(Type.Union([Type.Literal('refuse'), Type.Literal('keep')])),
    /** Customers served, instead of customers.csv. */
    customersServed: Type.Optional(
      Type.Array(
        Type.Object(
          {
            area: Type.String(),
            from: Type.String(),
            customers: Type.Integer({ minimum: 0 }),
          },
          { additionalProperties: false },
        ),
      ),
    ),
  },
  { additionalProperties: false },
)
export type RecordMapping = Static<typeof MappingSchema>

/** Reads a mapping file's text; every fault in it at once. */
export function parseMapping(
  text: string,
  file: string,
): { ok: true; mapping: RecordMapping } | { ok: false; faults: Fault[] } {
  const fault = (field: string | null, says: string): Fault => ({
    severity: 'error',
    component: 'mapping',
    field,
    ids: [],
    count: 1,
    where: file,
    says,
    code: 'bad-mapping',
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return { ok: false, faults: [fault(null, `is no JSON: ${(error as Error).message}`)] }
  }
  if (!Check(MappingSchema, json)) {
    const faults = [...Errors(MappingSchema, json)]
      .filter(({ keyword }) => keyword !== 'boolean')
      .map(({ instancePath, message }) => fault(instancePath || null, message))
    return { ok: false, faults }
  }
  const faults: Fault[] = []
  if (json.timeZone !== undefined && !isTimeZone(json.timeZone))
    faults.push(fault('timeZone', `is no IANA time zone: ${json.timeZone}`))
  for (const form of json.dates ?? []) {
    try {
      patternOf(form)
    } catch (error) {
      faults.push(fault('dates', (error as Error).message))
    }
  }
  for (const name of Object.keys(json.constants ?? {})) {
    if (!RECORD_COLUMNS.some((column) => column === name))
      faults.push(fault(`constants.${name}`, 'is no column of an interruption record'))
  }
  for (const { from } of json.customersServed ?? []) {
    if (!isDay(from)) faults.push(fault('customersServed', `is no day: ${from}`))
  }
  if (json.encoding !== undefined) {
    if (decoderOf(json.encoding) === undefined)
      faults.push(fault('encoding', `is no encoding that we know: ${json.encoding}`))
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, mapping: json }
}

/** Undefined for an encoding that this platform does not know. */
export function decoderOf(encoding: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(encoding)
  } catch {
    return undefined
  }
}
