import { Type } from 'typebox'
import { besideRecorded } from '../reliability/beside.ts'
import { hoursBetween } from '../reliability/calendar.ts'
import { LEFT_OUT, PREDICTION_UNITS } from '../reliability/predict.ts'
import { TRANSFER_LOADS } from '../reliability/tie-limits.ts'
import { indicesReport } from '../stores/indices.ts'
import { inForce } from './network.ts'
import type { App, HttpParts } from './parts.ts'
import {
  Exclude,
  PeriodQuery,
  exclusionsIn,
  periodFaults,
  refuse,
  rulebookNamed,
  wordsIn,
} from './report-query.ts'
import { openPredictions } from './predictions.ts'
import { Predicted } from './report-schemas.ts'

const tags = ['planner']
const HOURS_MAX = 10_000
/** What failures of lines and transformers do not cause. */
const NOT_PREDICTED = 'planned,external,source_shortage'

const Hours = Type.Number({ minimum: 0, maximum: HOURS_MAX })
const Share = Type.Number({ minimum: 0, maximum: 1 })

/** What the failure data of the network in force lead one to expect, beside what was recorded. */
export async function predictedRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings
  const predictionOf = openPredictions(() => new Promise((go) => setImmediate(go)))

  app.get(
    '/api/v1/predicted',
    {
      schema: {
        tags,
        summary: 'Predicted indices of the network in force beside those recorded of a period',
        querystring: Type.Interface([PeriodQuery], {
          by: Type.Optional(Type.Enum(['system', 'feeder'], { default: 'system' })),
          exclude: Type.Optional({ ...Exclude, default: NOT_PREDICTED }),
          without: Type.Optional(
            Type.String({ maxLength: 100, description: `comma-separated: ${LEFT_OUT.join(', ')}` }),
          ),
          transformerH: Type.Optional(Hours),
          switchingH: Type.Optional(Hours),
          repairH: Type.Optional(Hours),
          fuseProbability: Type.Optional(Share),
          tieProbability: Type.Optional(Share),
          tieLimits: Type.Optional(
            Type.Boolean({ description: 'transfer only what ratings allow, default false' }),
          ),
          transferLoad: Type.Optional(Type.Enum(TRANSFER_LOADS, { default: 'average' })),
        }),
        response: { 200: Predicted },
      },
    },
    async ({ query }) => {
      const exclude = exclusionsIn('exclude', query.exclude ?? NOT_PREDICTED)
      const without = wordsIn('without', query.without, LEFT_OUT)
      refuse([...periodFaults(query), ...exclude.faults, ...without.faults])
      const { from, to, by = 'system' } = query
      const view = await inForce(parts)
      const { transformerH, switchingH, repairH, fuseProbability, tieProbability } = query
      const { tieLimits, transferLoad } = query
      const found = await predictionOf(view, {
        by,
        without: [...new Set(without.found)].sort(),
        ...(transformerH === undefined ? {} : { transformerH }),
        ...(switchingH === undefined ? {} : { switchingH }),
        ...(repairH === undefined ? {} : { repairH }),
        ...(fuseProbability === undefined ? {} : { fuseProbability }),
        ...(tieProbability === undefined ? {} : { tieProbability }),
        ...(tieLimits === undefined ? {} : { tieLimits }),
        ...(transferLoad === undefined ? {} : { transferLoad }),
      })
      const rulebook = rulebookNamed()
      const question = { from, to, by, rulebook, exclude: exclude.found, now: clock(), timeZone }
      const report = await indicesReport(db, question)
      const periodHours = hoursBetween(from, to, timeZone)
      const { SAIFI, SAIDI, CAIDI, ASAI, ENS } = PREDICTION_UNITS
      return {
        from,
        to,
        timeZone,
        networkRevision: view.revision,
        by,
        rulebook: rulebook.id,
        exclude: report.exclude,
        periodHours,
        settings: found.settings,
        units: { SAIFI, SAIDI, CAIDI, ASAI, ENS },
        notes: [...found.notes, ...report.notes],
        rows: besideRecorded(found.rows, report.rows, periodHours),
      }
    },
  )
}
