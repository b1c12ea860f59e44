import type { IndexRule, InterruptionFilter, Quantity, Rulebook } from './rulebook.ts'

const LONG: InterruptionFilter = { length: 'long' }
const SHORT: InterruptionFilter = { length: 'short' }
const SERVED: Quantity = { of: 'servedUnits' }

const interruptions = (where: InterruptionFilter): Quantity => ({ of: 'interruptions', where })
const unitMin = (where: InterruptionFilter): Quantity => ({ of: 'unitTime', where, in: 'min' })
const unitH = (where: InterruptionFilter): Quantity => ({ of: 'unitTime', where, in: 'h' })

function index(
  symbol: string,
  unit: string,
  en: string,
  zh: string,
  top: Quantity,
  bottom?: Quantity,
  scale = 1,
): IndexRule {
  return {
    symbol,
    unit,
    name: { en, zh },
    top,
    ...(bottom === undefined ? {} : { bottom }),
    scale,
  }
}

/** CEMI-n and CEMSMI-n for the n that utilities publish. */
const repeated = (unit: string, scale: number): IndexRule[] => [
  ...[1, 2, 3, 4, 5, 6].map((n) =>
    index(
      `CEMI-${n}`,
      unit,
      `customers with ${n} or more sustained interruptions`,
      `停电${n}次及以上用户的比率`,
      { of: 'repeatedUnits', n, momentary: false },
      SERVED,
      scale,
    ),
  ),
  ...[2, 3, 4, 5, 6].map((n) =>
    index(
      `CEMSMI-${n}`,
      unit,
      `customers with ${n} or more sustained interruptions and momentary events`,
      `持续与短时停电${n}次及以上用户的比率`,
      { of: 'repeatedUnits', n, momentary: true },
      SERVED,
      scale,
    ),
  ),
]

const longOnes = (unit: string, scale: number): IndexRule[] => [
  index(
    'CELID-s',
    unit,
    'customers with one long interruption',
    '单次长时间停电用户的比率',
    { of: 'longUnits', by: 'single' },
    SERVED,
    scale,
  ),
  index(
    'CELID-t',
    unit,
    'customers with a long total duration',
    '累计长时间停电用户的比率',
    { of: 'longUnits', by: 'total' },
    SERVED,
    scale,
  ),
]

const IEEE_SETTINGS: Rulebook['settings'] = {
  shortUpToS: 300,
  // IEEE Std 1366: five minutes exactly is still momentary.
  shortIncludesLimit: true,
  immediateUpToS: 0,
  unit: 'customer',
  eventWindowS: 300,
  reinterruptionMergeMin: null,
  repeatedCompare: 'atLeast',
  longSingleH: 8,
  longTotalH: 8,
  plannedOverrun: 'planned',
  // The test is whether it could have been deferred.
  plannedUntold: 'planned',
  plannedWeight: 1,
}

export const IEEE_1366: Rulebook = {
  id: 'ieee1366',
  name: { en: 'IEEE Std 1366-2022', zh: 'IEEE 1366-2022 配电可靠性指标导则' },
  settings: IEEE_SETTINGS,
  indices: [
    index(
      'SAIFI',
      '1',
      'interruptions per customer served',
      '系统平均停电频率',
      interruptions(LONG),
      SERVED,
    ),
    index(
      'SAIDI',
      'min',
      'minutes without supply per customer served',
      '系统平均停电时间',
      unitMin(LONG),
      SERVED,
    ),
    index(
      'CAIDI',
      'min',
      'minutes per interruption',
      '平均每次停电时间',
      unitMin(LONG),
      interruptions(LONG),
    ),
    index(
      'CTAIDI',
      'min',
      'minutes per interrupted customer',
      '停电用户平均停电时间',
      unitMin(LONG),
      {
        of: 'distinctUnits',
        length: 'long',
      },
    ),
    index(
      'CAIFI',
      '1',
      'interruptions per interrupted customer',
      '停电用户平均停电频率',
      interruptions(LONG),
      { of: 'distinctUnits', length: 'long' },
    ),
    {
      symbol: 'ASAI',
      unit: '1',
      name: { en: 'availability of supply', zh: '平均供电可靠率' },
      availability: unitH(LONG),
    },
    {
      symbol: 'ASUI',
      unit: '1',
      name: { en: 'unavailability of supply', zh: '平均供电不可用率' },
      availability: unitH(LONG),
      lost: true,
    },
    ...repeated('1', 1),
    ...longOnes('1', 1),
    index(
      'ASIFI',
      '1',
      'interrupted connected kVA per kVA served',
      '平均系统等效停电频率',
      { of: 'kva', where: LONG },
      { of: 'servedKva' },
    ),
    index(
      'ASIDI',
      'min',
      'interrupted connected kVA-minutes per kVA served',
      '平均系统等效停电时间',
      { of: 'kvaTime', where: LONG, in: 'min' },
      { of: 'servedKva' },
    ),
    index(
      'MAIFI',
      '1',
      'momentary interruptions per customer served',
      '系统平均短时停电频率',
      interruptions(SHORT),
      SERVED,
    ),
    index(
      'MAIFI-E',
      '1',
      'momentary interruption events per customer served',
      '系统平均短时停电事件频率',
      { of: 'momentaryEvents' },
      SERVED,
    ),
    index('ENS', 'kWh', 'energy not served', '缺供电量', { of: 'energyKwh', where: LONG }),
    index(
      'AENS',
      'kWh',
      'energy not served per customer served',
      '户均缺供电量',
      { of: 'energyKwh', where: LONG },
      SERVED,
    ),
    index(
      'ACCI',
      'kWh',
      'energy not served per interrupted customer',
      '停电用户平均缺供电量',
      { of: 'energyKwh', where: LONG },
      { of: 'distinctUnits', length: 'long' },
    ),
  ],
}

const PLANNED: InterruptionFilter = { nature: 'planned' }
const UNPLANNED: InterruptionFilter = { nature: 'unplanned' }

/** The six variants of DL/T 836: what each leaves out. */
const DLT_VARIANTS: readonly (readonly [suffix: string, InterruptionFilter, string, string])[] = [
  ['1', {}, 'all interruptions', ''],
  ['2', { external: false }, 'without external influence', '（不计外部影响）'],
  ['3', { sourceShortage: false }, 'without shortage of generation', '（不计系统电源不足限电）'],
  ['4', LONG, 'without short interruptions', '（不计短时停电）'],
  ['F', UNPLANNED, 'faults', '（故障）'],
  ['S', PLANNED, 'prearranged', '（预安排）'],
]

export const DLT_836: Rulebook = {
  id: 'dlt836',
  name: { en: 'DL/T 836-2016', zh: 'DL/T 836-2016 供电系统供电可靠性评价规程' },
  settings: {
    ...IEEE_SETTINGS,
    shortUpToS: 180,
    // 重合闸成功 and 备用电源自动投入: not an interruption.
    immediateUpToS: 1,
    unit: 'medium_voltage_user',
    // What lasts beyond the approved end was neither applied for nor approved: a fault, of the utility's own.
    plannedOverrun: 'faultTime',
    // Not applied for, approved and notified six hours before: a fault.
    plannedUntold: 'fault',
  },
  indices: [
    ...DLT_VARIANTS.map(([suffix, where, en, zh]) =>
      index(
        `SAIDI-${suffix}`,
        'h/户',
        `hours per user, ${en}`,
        `系统平均停电时间${zh}`,
        unitH(where),
        SERVED,
      ),
    ),
    ...DLT_VARIANTS.slice(0, 4).map(([suffix, where, en, zh]): IndexRule => ({
      symbol: `ASAI-${suffix}`,
      unit: '%',
      name: { en: `availability, ${en}`, zh: `平均供电可靠率${zh}` },
      availability: unitH(where),
      scale: 100,
    })),
    ...DLT_VARIANTS.map(([suffix, where, en, zh]) =>
      index(
        `SAIFI-${suffix}`,
        '次/户',
        `interruptions per user, ${en}`,
        `系统平均停电频率${zh}`,
        interruptions(where),
        SERVED,
      ),
    ),
    ...(
      [
        ['MAIFI', {}, ''],
        ['MAIFI-F', UNPLANNED, '（故障）'],
        ['MAIFI-S', PLANNED, '（预安排）'],
      ] as const
    ).map(([symbol, where, zh]) =>
      index(
        symbol,
        '次/户',
        'short interruptions per user',
        `系统平均短时停电频率${zh}`,
        interruptions({ ...SHORT, ...where }),
        SERVED,
      ),
    ),
    index(
      'CAIDI',
      'h/次',
      'hours per interruption',
      '平均每次停电时间',
      unitH({}),
      interruptions({}),
    ),
    index(
      'CAIDI-4',
      'h/次',
      'hours per sustained interruption',
      '平均每次停电时间（不计短时停电）',
      unitH(LONG),
      interruptions(LONG),
    ),
    index('CTAIDI', 'h/户', 'hours per interrupted user', '停电用户平均停电时间', unitH({}), {
      of: 'distinctUnits',
    }),
    index(
      'CTAIDI-4',
      'h/户',
      'hours per user with sustained interruptions',
      '停电用户平均停电时间（不计短时停电）',
      unitH(LONG),
      { of: 'distinctUnits', length: 'long' },
    ),
    index(
      'CAIFI',
      '次/户',
      'interruptions per interrupted user',
      '停电用户平均停电频率',
      interruptions({}),
      { of: 'distinctUnits' },
    ),
    index(
      'CAIFI-4',
      '次/户',
      'sustained interruptions per user that had one',
      '停电用户平均停电频率（不计短时停电）',
      interruptions(LONG),
      { of: 'distinctUnits', length: 'long' },
    ),
    ...repeated('%', 100),
    ...longOnes('%', 100),
    index(
      'ASIFI',
      '次',
      'equivalent interruptions by kVA',
      '平均系统等效停电频率',
      { of: 'kva', where: {} },
      { of: 'servedKva' },
    ),
    index(
      'ASIDI',
      'h',
      'equivalent hours by kVA',
      '平均系统等效停电时间',
      { of: 'kvaTime', where: {}, in: 'h' },
      { of: 'servedKva' },
    ),
    index('停电时户数', 'h·户', 'user-hours without supply', '停电时户数', unitH({})),
    index('ENS', 'kWh', 'energy not served', '停电缺供电量', { of: 'energyKwh', where: {} }),
    index(
      'AENS',
      'kWh/户',
      'energy not served per user',
      '平均停电缺供电量',
      { of: 'energyKwh', where: {} },
      SERVED,
    ),
    ...(
      [
        ['', {}, ''],
        ['-F', UNPLANNED, '故障'],
        ['-S', PLANNED, '预安排'],
      ] as const
    ).flatMap(([suffix, where, zh]) => [
      index(
        `MIC${suffix}`,
        '户/次',
        'users per outage',
        `${zh}停电平均用户数`,
        interruptions(where),
        { of: 'outages', where },
      ),
      index(
        `MID${suffix}`,
        'h/次',
        'hours per outage',
        `${zh}停电平均持续时间`,
        { of: 'outageTime', where, in: 'h' },
        { of: 'outages', where },
      ),
    ]),
  ],
}

export const CEER: Rulebook = {
  id: 'ceer',
  name: { en: 'CEER benchmarking (EN 50160)', zh: 'CEER 供电质量基准' },
  // Up to a second it is transient.
  settings: { ...IEEE_SETTINGS, shortUpToS: 180, immediateUpToS: 1, eventWindowS: 180 },
  indices: [
    index('SAIDI', 'min', 'minutes per customer', '系统平均停电时间', unitMin(LONG), SERVED),
    index(
      'SAIFI',
      '1',
      'interruptions per customer',
      '系统平均停电频率',
      interruptions(LONG),
      SERVED,
    ),
    index(
      'CAIDI',
      'min',
      'minutes per interruption',
      '平均每次停电时间',
      unitMin(LONG),
      interruptions(LONG),
    ),
    ...(
      [
        ['planned', 'planned', '预安排'],
        ['unplanned', 'unplanned', '故障'],
      ] as const
    ).flatMap(([nature, en, zh]) => [
      index(
        `SAIDI-${nature}`,
        'min',
        `minutes per customer, ${en}`,
        `系统平均停电时间（${zh}）`,
        unitMin({ ...LONG, nature }),
        SERVED,
      ),
      index(
        `SAIFI-${nature}`,
        '1',
        `interruptions per customer, ${en}`,
        `系统平均停电频率（${zh}）`,
        interruptions({ ...LONG, nature }),
        SERVED,
      ),
    ]),
    index(
      'MAIFI',
      '1',
      'short interruptions per customer',
      '系统平均短时停电频率',
      interruptions(SHORT),
      SERVED,
    ),
    {
      symbol: 'ASAI',
      unit: '1',
      name: { en: 'availability of supply', zh: '平均供电可靠率' },
      availability: unitH(LONG),
    },
    index(
      'ENS',
      'MWh',
      'energy not supplied',
      '缺供电量',
      { of: 'energyKwh', where: LONG },
      undefined,
      0.001,
    ),
    index(
      'AIT',
      'min',
      'average interruption time by energy',
      '平均中断时间',
      { of: 'energyKwh', where: LONG },
      { of: 'servedAverageKw' },
      60,
    ),
  ],
}

export const OFGEM: Rulebook = {
  id: 'ofgem',
  name: { en: 'Ofgem interruptions incentive scheme', zh: 'Ofgem 停电激励机制' },
  settings: {
    ...IEEE_SETTINGS,
    shortUpToS: 180,
    // Three minutes exactly counts there.
    shortIncludesLimit: false,
    eventWindowS: 180,
    reinterruptionMergeMin: 180,
    // The incentive is on figures in which what was announced counts half.
    plannedWeight: 0.5,
  },
  indices: [
    index(
      'CI',
      '1/100',
      'interruptions per 100 customers',
      '每百户停电次数',
      interruptions(LONG),
      SERVED,
      100,
    ),
    index(
      'CML',
      'min',
      'customer minutes lost per customer',
      '户均停电分钟',
      unitMin(LONG),
      SERVED,
    ),
    index(
      'CI-weighted',
      '1/100',
      'interruptions per 100 customers, planned ones by their weight',
      '每百户停电次数（预安排停电加权）',
      { of: 'interruptions', where: LONG, weighted: true },
      SERVED,
      100,
    ),
    index(
      'CML-weighted',
      'min',
      'customer minutes lost per customer, planned ones by their weight',
      '户均停电分钟（预安排停电加权）',
      { of: 'unitTime', where: LONG, in: 'min', weighted: true },
      SERVED,
    ),
  ],
}

export const SPAIN: Rulebook = {
  id: 'spain',
  name: { en: 'Spain, TIEPI and NIEPI (RD 1955/2000)', zh: '西班牙 TIEPI/NIEPI' },
  settings: { ...IEEE_SETTINGS, shortUpToS: 180, eventWindowS: 180 },
  indices: [
    index(
      'TIEPI',
      'h',
      'equivalent hours by installed kVA',
      '等效停电时间',
      { of: 'kvaTime', where: LONG, in: 'h' },
      { of: 'servedKva' },
    ),
    index(
      'NIEPI',
      '1',
      'equivalent interruptions by installed kVA',
      '等效停电次数',
      { of: 'kva', where: LONG },
      { of: 'servedKva' },
    ),
  ],
}

export const RULEBOOKS: readonly Rulebook[] = [IEEE_1366, DLT_836, CEER, OFGEM, SPAIN]

/** Undefined where we know no such rulebook. */
export const rulebookOf = (id: string): Rulebook | undefined =>
  RULEBOOKS.find((rulebook) => rulebook.id === id)
