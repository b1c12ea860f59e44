import type { BrowserContextOptions, Page } from 'playwright-core'
import { MS_PER_MIN } from '../../src/time.ts'
import { until } from './broker.ts'
import { openBrowser, visit } from './browser.ts'
import { openTestDatabase } from './database.ts'
import { TOWN } from './people.ts'
import { openGateway, openTestService } from './service.ts'

export const YEAR = new Date().getUTCFullYear() - 1
export const LAST_YEAR = `from=${YEAR}-01-01&to=${YEAR + 1}-01-01`
export const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)

/** The planner's page over the town of support/people.ts. */
export async function openPlan(
  test: { teardown(fn: () => unknown): void },
  env: Readonly<Record<string, string>> = {},
) {
  const database = await openTestDatabase(test)
  const service = await openTestService(test, database, { tables: TOWN, env })
  const field = await openGateway(test, service.broker)
  const browser = await openBrowser(test)
  const token = await service.token('planner')
  const interrupt = async (id: string, at: number, forMin: number | null): Promise<void> => {
    await field.switch(id, 'open', at)
    if (forMin !== null) await field.switch(id, 'closed', at + forMin * MS_PER_MIN)
    type Told = { device: string; startedAt: string; restoredAt: string | null }
    await until(async () => {
      const told = await service.get<{ outages: Told[] }>('outages?state=all&limit=500')
      return told.outages.some(
        ({ device, startedAt, restoredAt }) =>
          device === id &&
          Date.parse(startedAt) === at &&
          (restoredAt !== null) === (forMin !== null),
      )
    }, `an outage of ${id}`)
  }
  return {
    service,
    field,
    plan: (query: string, options: BrowserContextOptions = {}) =>
      visit(browser, `${service.http}/plan?${query}`, { token, ...options }),
    /** Opened at an instant of the past, and closed after so many minutes; null: still open. Returns when the record has it. */
    interrupt,
    /** The same at 12:00 of the tenth of a month of the last year. */
    outage: (id: string, month: number, forMin: number | null): Promise<void> =>
      interrupt(id, Date.UTC(YEAR, month - 1, 10, 12), forMin),
  }
}

export const rowOf = (page: Page, section: string, name: string) =>
  page.locator(`${section} tbody tr`, { has: page.locator('th', { hasText: name }) })
