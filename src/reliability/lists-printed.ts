import type { CauseLevel, ParetoOrder, ParetoRow } from './pareto.ts'
import { causeName } from './pareto.ts'
import type { PrintedList } from './printed-list.ts'
import type { Words } from './rule-words.ts'
import type { WorstFeeder, WorstOrder } from './worst.ts'

const words = (en: string, zh: string): Words => ({ en, 'zh-CN': zh })

/** What every list has, whatever it lists. */
export type ListedOf = Pick<
  PrintedList,
  'rulebook' | 'from' | 'to' | 'timeZone' | 'exclude' | 'place' | 'notes'
>

const FEEDER = words('Feeder', '馈线')
const AREA = words('Area', '区域')
const LOAD_POINT = words('Load point', '台区（负荷点）')
const PHASES = words('Phases', '相别')
const LAST = words('Last interruption', '最近一次停电')
const CI = words('CI', '停电户次')
const CMI = words('CMI', '停电时户数')
const ORDER = words('In the order of', '排序')

const ORDERS: Readonly<Record<ParetoOrder | WorstOrder, Words>> = {
  cmi: words('customer-minutes interrupted', '停电时户数'),
  ci: words('customer interruptions', '停电户次'),
  outages: words('outages', '停电事件数'),
  saidi: words('SAIDI of the feeder’s own customers', '本馈线 SAIDI'),
  saifi: words('SAIFI of the feeder’s own customers', '本馈线 SAIFI'),
}

export function printedPareto(
  of: ListedOf,
  { level, order, rows }: { level: CauseLevel; order: ParetoOrder; rows: readonly ParetoRow[] },
): PrintedList {
  const levels: Readonly<Record<CauseLevel, Words>> = {
    category: words('category of IEEE Std 1782', 'IEEE 1782 分类'),
    cause: words('cause as recorded', '登记原因'),
    dlt: words('responsible cause of DL/T 836', 'DL/T 836 责任原因'),
  }
  return {
    ...of,
    title: words('Causes of interruptions', '停电原因分析（帕累托）'),
    facts: [
      { name: words('Causes by', '原因口径'), value: levels[level] },
      { name: ORDER, value: ORDERS[order] },
    ],
    columns: [
      { name: words('Cause', '原因') },
      { name: words('Code', '代码') },
      { name: words('Outages', '停电事件数') },
      { name: CI },
      { name: CMI, unit: 'min' },
      { name: words('Share', '占比'), share: true },
      { name: words('Cumulative share', '累计占比'), share: true },
    ],
    rows: rows.map(({ group, outages, ci, cmi, share, cumulativeShare }) => [
      causeName(level, group),
      group,
      outages,
      ci,
      cmi,
      share,
      cumulativeShare,
    ]),
  }
}

export function printedWorst(
  of: ListedOf,
  asked: { order: WorstOrder; worst: number; years: number; rows: readonly WorstFeeder[] },
): PrintedList {
  const { order, worst, years, rows } = asked
  const earlier = Array.from({ length: years }, (_, i) => i + 1)
  return {
    ...of,
    title: words('Worst feeders', '最差馈线'),
    facts: [
      { name: ORDER, value: ORDERS[order] },
      { name: words('Repeated: among the worst', '重复上榜：名列前'), value: worst },
    ],
    columns: [
      { name: words('Rank', '名次') },
      { name: FEEDER },
      { name: words('Customers served', '用户数') },
      { name: CI },
      { name: CMI, unit: 'min' },
      { name: words('SAIFI', 'SAIFI'), digits: 3 },
      { name: words('SAIDI', 'SAIDI'), unit: 'min', digits: 2 },
      { name: words('Share of CI', '户次占比'), share: true },
      { name: words('Share of CMI', '时户数占比'), share: true },
      ...earlier.map((n) => ({
        name: words(`Rank ${n} year${n === 1 ? '' : 's'} before`, `前 ${n} 年名次`),
      })),
      { name: words('Repeated', '重复上榜') },
    ],
    rows: rows.map((row) => [
      row.rank,
      row.feeder,
      row.customersServed,
      row.ci,
      row.cmi,
      row.saifi,
      row.saidiMin,
      row.ciShare,
      row.cmiShare,
      ...row.earlierRanks,
      row.repeated ? words('yes', '是') : words('no', '否'),
    ]),
  }
}

/** A line of the list of customers. */
type Interrupted = {
  readonly loadPoint: string
  readonly phases: string | null
  readonly feeder: string | null
  readonly area: string | null
  readonly lastAt: string
}

const INTERRUPTED = [
  { name: LOAD_POINT },
  { name: PHASES },
  { name: FEEDER },
  { name: AREA },
  { name: words('Customers', '用户数') },
]
const whoIn = ({ loadPoint, phases, feeder, area }: Interrupted, customers: number | null) => [
  loadPoint,
  phases,
  feeder,
  area,
  customers,
]

export function printedCustomers(
  of: ListedOf,
  asked: {
    readonly thresholds: { repeated: number; longSingleH: number; longTotalH: number }
    readonly counts: readonly {
      readonly name: Words
      readonly units: number
      readonly share: number | null
    }[]
    readonly unitsServed: number | null
    readonly rows: readonly (Interrupted & {
      readonly units: number
      readonly interruptions: number
      readonly momentaryEvents: number
      readonly totalMin: number
      readonly longestMin: number
      readonly reasons: readonly ('repeated' | 'longSingle' | 'longTotal')[]
    })[]
  },
): PrintedList {
  const { repeated, longSingleH, longTotalH } = asked.thresholds
  const reasons = {
    repeated: words('many', '次数多'),
    longSingle: words('one long', '单次长'),
    longTotal: words('long in all', '累计长'),
  }
  return {
    ...of,
    title: words(
      'Customers with many or long interruptions',
      '多次停电与长时间停电用户（CEMI、CELID）',
    ),
    facts: [
      { name: words('Many: interruptions', '次数阈值'), value: `≥ ${repeated}` },
      { name: words('Long: one interruption', '单次时长阈值'), value: `≥ ${longSingleH} h` },
      { name: words('Long: all together', '累计时长阈值'), value: `≥ ${longTotalH} h` },
      { name: words('Served', '用户总数'), value: asked.unitsServed },
      ...asked.counts.map(({ name, units, share }) => ({
        name,
        value: share === null ? units : `${round(units)} (${(share * 100).toFixed(4)} %)`,
      })),
    ],
    columns: [
      ...INTERRUPTED,
      { name: words('Sustained interruptions', '持续停电次数') },
      { name: words('Momentary events', '短时停电事件') },
      { name: words('Total', '累计停电'), unit: 'min' },
      { name: words('Longest', '最长一次'), unit: 'min' },
      { name: LAST, instant: true },
      { name: words('Why it is here', '列入原因') },
    ],
    rows: asked.rows.map((row) => [
      ...whoIn(row, row.units),
      row.interruptions,
      row.momentaryEvents,
      row.totalMin,
      row.longestMin,
      row.lastAt,
      joined(row.reasons.map((reason) => reasons[reason])),
    ]),
  }
}

export function printedFrequent(
  of: ListedOf,
  asked: {
    readonly rules: readonly { readonly atLeast: number; readonly months: number }[]
    readonly months: readonly number[]
    readonly rows: readonly (Interrupted & {
      readonly customers: number | null
      readonly counts: Readonly<Record<string, number>>
      readonly meets: readonly { readonly atLeast: number; readonly months: number }[]
    })[]
  },
): PrintedList {
  const rule = ({ atLeast, months }: { atLeast: number; months: number }): Words =>
    words(`≥ ${atLeast} in ${months} months`, `${months} 个月内 ≥ ${atLeast} 次`)
  return {
    ...of,
    title: words('Watch list of frequent interruptions', '频繁停电台区'),
    facts: [
      { name: words('Listed by', '列入条件'), value: joined(asked.rules.map(rule)) },
      {
        name: words('Counted', '计入'),
        value: words('sustained interruptions of the months before', '此前各月的持续停电'),
      },
    ],
    columns: [
      ...INTERRUPTED,
      ...asked.months.map((many) => ({
        name: words(`In ${many} month${many === 1 ? '' : 's'}`, `${many} 个月内次数`),
      })),
      { name: LAST, instant: true },
      { name: words('Why it is here', '列入原因') },
    ],
    rows: asked.rows.map((row) => [
      ...whoIn(row, row.customers),
      ...asked.months.map((many) => row.counts[String(many)] ?? null),
      row.lastAt,
      joined(row.meets.map(rule)),
    ]),
  }
}

const joined = (all: readonly Words[]): Words => ({
  en: all.map(({ en }) => en).join(', '),
  'zh-CN': all.map((one) => one['zh-CN']).join('，'),
})

const round = (value: number): string => String(Math.round(value * 100) / 100)
