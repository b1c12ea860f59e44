import type { Instant } from './schema.ts'

/** The table of sql/0140_temperatures.sql. */
export type TemperatureTables = {
  temperature: { place: string; at: Instant; issued_at: Instant; celsius: number }
}
