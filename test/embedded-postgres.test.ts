import t from 'tap'
import { openTestDatabase, SQL_DIR } from './support/database.ts'
import { migrate } from '../src/stores/migrate.ts'

t.test('a fresh database has the tables, and migrating again changes nothing', async (t) => {
  const { db } = await openTestDatabase(t)
  const rows = await db.selectFrom('outage').selectAll().execute()
  t.same(rows, [])
  t.same(await migrate(db, SQL_DIR), { applied: [] })
})
