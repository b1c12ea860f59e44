/**
 * Causes of interruptions as a tree of two levels, in English and Chinese. The first level is that of IEEE Std 1782-2014 (ten
 * categories); `dlt` is the responsible cause of DL/T 836 that a cause counts under there. What failed (the equipment) and the weather
 * at the time are recorded beside the cause, not instead of it: rain is a condition, and unknown stays unknown.
 */
export type Cause = {
  /** `WILDLIFE`, or `WILDLIFE/squirrel` below it. */
  readonly code: string
  readonly en: string
  readonly zh: string
  readonly dlt: DltCause
  /** Whose system failed; supply that others failed to deliver is external. */
  readonly external: boolean
  readonly planned: boolean
}

/** Responsible causes of DL/T 836. */
export const DLT_CAUSES = {
  R1: { en: 'planning and design', zh: '规划设计' },
  R2: { en: 'equipment: manufacture, ageing', zh: '设备因素' },
  R3: { en: 'construction and installation', zh: '施工安装' },
  R4: { en: 'operation and maintenance', zh: '运行维护' },
  R5: { en: 'external force', zh: '外力因素' },
  R6: { en: 'nature and weather', zh: '自然因素' },
  R7: { en: 'a user’s equipment', zh: '用户影响' },
  R8: { en: 'low-voltage facilities', zh: '低压设施故障' },
  R9: { en: 'generation, transmission and transformation', zh: '发输变电设施影响' },
  R10: { en: 'other or unknown', zh: '其他或原因不明' },
  S: { en: 'prearranged', zh: '预安排' },
} as const
export type DltCause = keyof typeof DLT_CAUSES

type Branch = readonly [
  code: string,
  en: string,
  zh: string,
  dlt: DltCause,
  below: readonly (readonly [code: string, en: string, zh: string, dlt?: DltCause])[],
]

const TREE: readonly Branch[] = [
  [
    'EQUIPMENT',
    'equipment failure',
    '设备故障',
    'R2',
    [
      ['overhead_conductor', 'overhead conductor', '架空导线'],
      ['underground_cable', 'underground cable', '电缆'],
      ['transformer', 'transformer', '变压器'],
      ['switchgear', 'switchgear', '开关设备'],
      ['pole_structure', 'pole or structure', '杆塔'],
      ['insulator', 'insulator', '绝缘子'],
      ['arrester', 'arrester', '避雷器'],
      ['fuse_cutout', 'fuse or cutout', '熔断器'],
      ['connector_splice', 'connector or splice', '接头'],
      ['protection_control', 'protection or control', '保护与控制装置', 'R4'],
      ['substation_equipment', 'substation equipment', '变电设备', 'R9'],
      ['overload', 'overload', '过负荷', 'R4'],
    ],
  ],
  [
    'LIGHTNING',
    'lightning',
    '雷击',
    'R6',
    [
      ['direct', 'direct stroke', '直击雷'],
      ['induced', 'induced', '感应雷'],
    ],
  ],
  [
    'PLANNED',
    'planned work',
    '预安排停电',
    'S',
    [
      ['maintenance', 'maintenance', '检修停电'],
      ['construction', 'construction', '施工停电'],
      ['switching', 'switching', '倒闸操作'],
      ['customer_request', 'request of a customer', '用户申请停电'],
      ['load_transfer', 'load transfer', '调电停电'],
      ['safety_request', 'request for safety', '安全要求停电'],
    ],
  ],
  [
    'POWER_SUPPLY',
    'loss of supply',
    '上级电源中断',
    'R9',
    [
      ['transmission', 'transmission', '输电'],
      ['substation_upstream', 'substation upstream', '上级变电站'],
      ['generation', 'generation', '发电'],
      ['load_shed', 'load shed', '限电'],
    ],
  ],
  [
    'PUBLIC',
    'people and public',
    '公众与外力',
    'R5',
    [
      ['vehicle', 'vehicle', '交通车辆破坏'],
      ['dig_in', 'dig-in', '施工破坏'],
      ['vandalism_theft', 'vandalism or theft', '盗窃与破坏'],
      ['foreign_object', 'foreign object', '异物短路'],
      ['fire_not_utility', 'fire', '火灾'],
      ['contact_crane', 'contact by a crane', '吊车碰线'],
      ['customer_equipment', 'equipment of a customer', '用户设备', 'R7'],
    ],
  ],
  [
    'VEGETATION',
    'vegetation',
    '树竹',
    'R5',
    [
      ['growth', 'growth', '树木生长'],
      ['limb_fall', 'fallen limb', '断枝'],
      ['tree_fall_inside_row', 'tree fallen within the right of way', '通道内倒树'],
      ['tree_fall_outside_row', 'tree fallen from outside', '通道外倒树'],
    ],
  ],
  [
    'WEATHER',
    'weather other than lightning',
    '气候因素',
    'R6',
    [
      ['wind', 'wind', '大风'],
      ['ice_snow', 'ice and snow', '冰雪'],
      ['flood', 'flood', '洪水'],
      ['heat', 'heat', '高温'],
      ['hurricane_typhoon', 'hurricane or typhoon', '台风'],
      ['tornado', 'tornado', '龙卷风'],
    ],
  ],
  [
    'WILDLIFE',
    'wildlife',
    '动物因素',
    'R5',
    [
      ['squirrel', 'squirrel', '松鼠'],
      ['bird', 'bird', '鸟'],
      ['snake', 'snake', '蛇'],
      ['other_animal', 'other animal', '其他动物'],
    ],
  ],
  ['UNKNOWN', 'unknown', '原因不明', 'R10', []],
  [
    'OTHER',
    'other',
    '其他',
    'R10',
    [
      ['utility_error', 'error of the utility', '运行人员误操作', 'R4'],
      ['contractor_error', 'error of a contractor', '施工单位责任', 'R3'],
      ['other', 'other', '其他'],
    ],
  ],
]

/** Every cause, each category followed by what is below it. */
export const CAUSES: readonly Cause[] = TREE.flatMap(([code, en, zh, dlt, below]) => {
  const external = code === 'POWER_SUPPLY'
  const planned = code === 'PLANNED'
  return [
    { code, en, zh, dlt, external, planned },
    ...below.map(([sub, subEn, subZh, subDlt]) => ({
      code: `${code}/${sub}`,
      en: subEn,
      zh: subZh,
      dlt: subDlt ?? dlt,
      external,
      planned,
    })),
  ]
})

const byCode = new Map(CAUSES.map((cause) => [cause.code, cause]))

/** What the console's dispatchers call a cause, and where that stands in the tree. */
export const DESK_CAUSES = {
  tree: 'VEGETATION',
  weather: 'WEATHER',
  lightning: 'LIGHTNING',
  animal: 'WILDLIFE',
  vehicle: 'PUBLIC/vehicle',
  digging: 'PUBLIC/dig_in',
  equipment: 'EQUIPMENT',
  overload: 'EQUIPMENT/overload',
  transformer: 'EQUIPMENT/transformer',
  cable: 'EQUIPMENT/underground_cable',
  vandalism: 'PUBLIC/vandalism_theft',
  customer: 'PUBLIC/customer_equipment',
  supply: 'POWER_SUPPLY',
  planned: 'PLANNED',
  unknown: 'UNKNOWN',
} as const
export type DeskCause = keyof typeof DESK_CAUSES

const isDeskCause = (word: string): word is DeskCause => Object.hasOwn(DESK_CAUSES, word)

/** Where a code or a dispatcher's word stands in the tree: itself, or the category before its stroke. Undefined for other words. */
export const treeCauseOf = (cause: string): Cause | undefined =>
  byCode.get(isDeskCause(cause) ? DESK_CAUSES[cause] : cause) ?? categoryOf(cause)

/** The cause of a code; undefined for a word that is not in the tree, which a record may well have. */
export const causeOf = (code: string): Cause | undefined => byCode.get(code)

/** The IEEE Std 1782 category of a code: what stands before the stroke. Undefined for a word that is not in the tree. */
export function categoryOf(code: string): Cause | undefined {
  return byCode.get(code.split('/', 1)[0] ?? '')
}

/** The nature of an interruption by DL/T 836, as a tree of codes of our own: the national ones are not public. */
export const DLT_NATURES = [
  { code: 'F', en: 'fault', zh: '故障停电' },
  { code: 'F-INT', en: 'fault within the utility', zh: '内部故障停电' },
  { code: 'F-EXT', en: 'fault outside the utility', zh: '外部故障停电' },
  { code: 'S', en: 'prearranged', zh: '预安排停电' },
  { code: 'S-P', en: 'planned', zh: '计划停电' },
  { code: 'S-P-M', en: 'planned maintenance', zh: '检修停电' },
  { code: 'S-P-C', en: 'planned construction', zh: '施工停电' },
  { code: 'S-P-U', en: 'request of a user', zh: '用户申请停电' },
  { code: 'S-P-T', en: 'load transfer', zh: '调电停电' },
  { code: 'S-T', en: 'temporary', zh: '临时停电' },
  { code: 'S-T-M', en: 'temporary maintenance', zh: '临时检修停电' },
  { code: 'S-T-C', en: 'temporary construction', zh: '临时施工停电' },
  { code: 'S-T-U', en: 'temporary request of a user', zh: '用户临时申请停电' },
  { code: 'S-T-T', en: 'temporary load transfer', zh: '临时调电停电' },
  { code: 'S-L', en: 'load limitation', zh: '限电' },
  { code: 'S-L-G', en: 'shortage of generation', zh: '系统电源不足限电' },
  { code: 'S-L-N', en: 'limitation of the network', zh: '供电网限电' },
] as const

/** The nature by DL/T 836 that an interruption has: by what the ledger says of it and, where it is planned, its cause. */
export function dltNatureOf(interruption: {
  readonly nature: 'planned' | 'unplanned'
  readonly external: boolean
  readonly sourceShortage: boolean
  readonly cause: string | null
  /** Planned, but in no plan. */
  readonly temporary?: boolean
}): (typeof DLT_NATURES)[number]['code'] {
  if (interruption.sourceShortage) return 'S-L-G'
  if (interruption.nature === 'unplanned') return interruption.external ? 'F-EXT' : 'F-INT'
  const kind = interruption.temporary === true ? 'S-T' : 'S-P'
  switch (interruption.cause) {
    case 'PLANNED/maintenance':
      return `${kind}-M`
    case 'PLANNED/construction':
      return `${kind}-C`
    case 'PLANNED/customer_request':
      return `${kind}-U`
    case 'PLANNED/load_transfer':
      return `${kind}-T`
    case 'POWER_SUPPLY/load_shed':
      return 'S-L-N'
    case null:
    default:
      return kind
  }
}
