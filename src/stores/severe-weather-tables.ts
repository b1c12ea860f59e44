import type { Generated } from 'kysely'
import type { Instant, InstantOrNull } from './schema.ts'

/** The table of sql/0202_severe_weather.sql. */
export type SevereWeatherTables = {
  severe_weather: {
    id: Generated<number>
    area: string | null
    category: string
    from_at: Instant
    until_at: InstantOrNull
    reason: string
    declared_by: string
    declared_at: Instant
    withdrawn_by: string | null
    withdrawn_at: InstantOrNull
  }
}
