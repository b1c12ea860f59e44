import fs from 'node:fs/promises'
import path from 'node:path'
import { Migrator, sql, type Migration } from 'kysely'
import type { Database } from './database.ts'

/**
 * Runs the plain SQL files of a folder that this database has not seen, in the order of their names, each whole or not at
 * all; forward only. Any number of processes may do it at once: one does, the others wait and find nothing left.
 * Throws where a file fails, or where the database was migrated by a newer version.
 */
export async function migrate(db: Database, sqlDir: string): Promise<{ applied: string[] }> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => readMigrations(sqlDir) } })
  const { error, results = [] } = await migrator.migrateToLatest()
  const why = error instanceof Error ? error.message : 'for no given reason'
  const failed = results.find((result) => result.status === 'Error')
  if (failed !== undefined) {
    throw new Error(`migration ${failed.migrationName}.sql failed: ${why}`, { cause: error })
  }
  if (error !== undefined) {
    throw new Error(`the database cannot be migrated from ${sqlDir}: ${why}`, { cause: error })
  }
  return { applied: results.map((result) => `${result.migrationName}.sql`) }
}

async function readMigrations(sqlDir: string): Promise<Record<string, Migration>> {
  const files = (await fs.readdir(sqlDir)).filter((file) => file.endsWith('.sql')).sort()
  if (files.length === 0) throw new Error(`no .sql files in ${sqlDir}`)
  const texts = await Promise.all(files.map((file) => fs.readFile(path.join(sqlDir, file), 'utf8')))
  return Object.fromEntries(
    files.map((file, i) => {
      const up = async (db: Parameters<Migration['up']>[0]): Promise<void> => {
        await sql.raw(texts[i] ?? '').execute(db)
      }
      return [path.basename(file, '.sql'), { up }]
    }),
  )
}
