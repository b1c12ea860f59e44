import type { DeskCause } from '../reliability/causes.ts'
import type { Words } from './language.ts'

/** The causes a dispatcher may name by key; a record from elsewhere may hold others, which are shown as written. */
export const CAUSES = [
  'tree',
  'weather',
  'lightning',
  'animal',
  'vehicle',
  'digging',
  'equipment',
  'overload',
  'transformer',
  'cable',
  'vandalism',
  'customer',
  'supply',
  'planned',
  'unknown',
] as const satisfies readonly DeskCause[]
export type Cause = (typeof CAUSES)[number]

export const CAUSE_WORDS: Words<Record<Cause, string>> = {
  en: {
    tree: 'Tree',
    weather: 'Wind, ice or flood',
    lightning: 'Lightning',
    animal: 'Animal',
    vehicle: 'Vehicle',
    digging: 'Digging',
    equipment: 'Equipment failed',
    overload: 'Overload',
    transformer: 'Transformer failed',
    cable: 'Cable or joint failed',
    vandalism: 'Vandalism or theft',
    customer: 'A customer’s own plant',
    supply: 'Loss of supply from above',
    planned: 'Planned work',
    unknown: 'Not found',
  },
  'zh-CN': {
    tree: '树木',
    weather: '风、冰或水灾',
    lightning: '雷击',
    animal: '动物',
    vehicle: '车辆碰撞',
    digging: '施工挖断',
    equipment: '设备故障',
    overload: '过负荷',
    transformer: '变压器故障',
    cable: '电缆或接头故障',
    vandalism: '人为破坏或盗窃',
    customer: '用户自有设备',
    supply: '上级电源失电',
    planned: '计划停电',
    unknown: '未查明',
  },
}

export function causeWord(cause: string, language: 'en' | 'zh-CN'): string {
  const words: Readonly<Record<string, string>> = CAUSE_WORDS[language]
  return words[cause] ?? cause
}
