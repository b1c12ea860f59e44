import type { Instant } from './schema.ts'
import type { Generated } from 'kysely'

/** The tables of sql/0130_observation_archive.sql. */
export type ArchiveTables = {
  observation_archive: {
    number: number
    about: About
    first_key: string
    last_key: string
    words: number
    archived_at: Instant
    previous: Buffer
    digest: Buffer
    payload: Buffer
  }
  observation_archive_end: { one: Generated<boolean>; number: number; digest: Buffer }
}

/** What the words of a chunk are about: switches, or what meters said. Derivation reads the former alone. */
export type About = 'switching' | 'metering'
