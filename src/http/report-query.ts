import { Type } from 'typebox'
import { addDays, dayNumber, isDay } from '../reliability/calendar.ts'
import { REPORT_LANGUAGES } from '../reliability/report.ts'
import type { Rulebook } from '../reliability/rulebook.ts'
import { rulebookOf, RULEBOOKS } from '../reliability/rulebooks.ts'
import {
  EXCLUSIONS,
  GROUPINGS,
  REPORT_DAYS_MAX,
  type ReportQuestion,
  withinOf,
} from '../stores/report-question.ts'
import { Id } from './params.ts'
import { badFields, type ProblemPart } from './problem.ts'

const DEFAULT_RULEBOOK = 'ieee1366'

const Day = Type.String({ maxLength: 10, description: 'local day, YYYY-MM-DD' })
export const RulebookId = Type.Enum(RULEBOOKS.map(({ id }) => id))
export const Exclude = Type.String({
  maxLength: 100,
  description: `comma-separated: ${EXCLUSIONS.join(', ')}`,
})

/** Days of the utility's calendar; `to` is exclusive. */
export const PeriodQuery = Type.Object({ from: Day, to: Day })
/** A place to look at alone. */
export const PlaceQuery = Type.Object({
  area: Type.Optional(Id),
  substation: Type.Optional(Id),
  feeder: Type.Optional(Id),
})

/** What a list is made of. */
export const ListQuery = Type.Interface([PeriodQuery, PlaceQuery], {
  rulebook: Type.Optional(
    Type.Enum(
      RULEBOOKS.map(({ id }) => id),
      { default: DEFAULT_RULEBOOK },
    ),
  ),
  exclude: Type.Optional(Exclude),
})

/** The parameters of `relight indices`. */
export const ReportQuery = Type.Interface([ListQuery], {
  by: Type.Optional(Type.Enum(GROUPINGS, { default: 'system' })),
})

/** As what a report is wanted. */
export const FormQuery = Type.Object({
  format: Type.Optional(Type.Enum(['json', 'csv', 'xlsx', 'html'], { default: 'json' })),
  language: Type.Optional(Type.Enum(REPORT_LANGUAGES, { default: 'en' })),
})

type Period = { readonly from: string; readonly to: string }
type Place = {
  readonly area?: string
  readonly substation?: string
  readonly feeder?: string
}
type Query = Period &
  Place & {
    readonly by?: ReportQuestion['by']
    readonly rulebook?: string
    readonly exclude?: string
  }

/** The question that a query string asks; the faults in it throw one problem. */
export function reportQuestion(query: Query, now: number, timeZone: string): ReportQuestion {
  const exclude = exclusionsIn('exclude', query.exclude)
  refuse([...periodFaults(query), ...exclude.faults])
  return {
    from: query.from,
    to: query.to,
    by: query.by ?? 'system',
    rulebook: rulebookNamed(query.rulebook),
    exclude: exclude.found,
    ...withinOf(query),
    now,
    timeZone,
  }
}

/** What is wrong with a period. */
export function periodFaults({ from, to }: Period): ProblemPart[] {
  const bad = Object.entries({ from, to }).filter(([, day]) => !isDay(day))
  if (bad.length > 0)
    return bad.map(([name]) => ({
      in: 'query',
      at: `/${name}`,
      says: 'must be a day, YYYY-MM-DD',
    }))
  const fault = (says: string): ProblemPart[] => [{ in: 'query', at: '/to', says }]
  const days = dayNumber(to) - dayNumber(from)
  if (days < 1) return fault(`is exclusive: must be ${addDays(from, 1)} or later`)
  if (days > REPORT_DAYS_MAX) return fault(`must be at most ${REPORT_DAYS_MAX} days after from`)
  return []
}

/** What a parameter of the query says to leave out, and the words in it that say nothing. */
export const exclusionsIn = (name: string, text: string | undefined) =>
  wordsIn(name, text, EXCLUSIONS)

/** The words of a comma-separated parameter, and a fault for each that is not known. */
export function wordsIn<T extends string>(
  name: string,
  text: string | undefined,
  known: readonly T[],
): { found: T[]; faults: ProblemPart[] } {
  const found: T[] = []
  const faults: ProblemPart[] = []
  for (const word of (text ?? '').split(',').filter((one) => one !== '')) {
    const meant = known.find((one) => one === word.trim())
    if (meant !== undefined) found.push(meant)
    else {
      const says = `${JSON.stringify(word)} is not one of ${known.join(', ')}`
      faults.push({ in: 'query', at: `/${name}`, says })
    }
  }
  return { found, faults }
}

/** Throws one problem that names each fault; nothing where there is none. */
export function refuse(faults: readonly ProblemPart[]): void {
  if (faults.length > 0) throw badFields(faults)
}

/** The schema has let only rulebooks through that there are. */
export function rulebookNamed(id: string = DEFAULT_RULEBOOK): Rulebook {
  const rulebook = rulebookOf(id)
  if (rulebook === undefined) throw new Error(`no rulebook ${id}`)
  return rulebook
}
