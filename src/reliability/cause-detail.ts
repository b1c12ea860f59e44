import { CAUSES, treeCauseOf, type Cause } from './causes.ts'
import type { Words } from './rule-words.ts'

/** What is recorded beside a cause, each apart from the others (IEEE Std 1782): a condition or a broken part is no cause. */
export const CAUSE_DETAILS = ['subCause', 'equipment', 'weather', 'responsibleSystem'] as const
export type CauseDetailName = (typeof CAUSE_DETAILS)[number]
/** Codes; null where nobody said. A sub-cause is the whole code of the tree, `WILDLIFE/squirrel`. */
export type CauseDetail = Readonly<Record<CauseDetailName, string | null>>

const words = (en: string, zh: string): Words => ({ en, 'zh-CN': zh })

/** What failed: the equipment of the cause tree, what else stands in a network, or nothing at all. */
const EQUIPMENT: Readonly<Record<string, Words>> = {
  ...Object.fromEntries(
    CAUSES.filter(({ code }) => /^EQUIPMENT\/(?!overload)/.test(code)).map(({ code, en, zh }) => [
      code.slice('EQUIPMENT/'.length),
      words(en, zh),
    ]),
  ),
  capacitor: words('capacitor', '电容器'),
  voltage_regulator: words('voltage regulator', '调压器'),
  service_drop: words('service line', '接户线'),
  customer_equipment: words('equipment of a customer', '用户设备'),
  none: words('nothing failed', '无设备损坏'),
}

const WEATHER: Readonly<Record<string, Words>> = {
  clear: words('clear', '晴好'),
  rain: words('rain', '雨'),
  thunderstorm: words('thunderstorm', '雷暴'),
  wind: words('wind', '大风'),
  snow: words('snow', '雪'),
  ice: words('ice', '覆冰'),
  fog: words('fog', '雾'),
  heat: words('heat', '高温'),
  cold: words('cold', '低温'),
  flood: words('flood', '洪水'),
  typhoon: words('typhoon or hurricane', '台风'),
  tornado: words('tornado', '龙卷风'),
}

const RESPONSIBLE_SYSTEM: Readonly<Record<string, Words>> = {
  distribution: words('distribution', '配电系统'),
  substation: words('substation', '变电站'),
  transmission: words('transmission', '输电系统'),
  generation: words('generation', '发电'),
  customer: words('a customer’s own', '用户自有'),
}

const LISTS = {
  equipment: EQUIPMENT,
  weather: WEATHER,
  responsibleSystem: RESPONSIBLE_SYSTEM,
} as const

/** What may be said, by code. Sub-causes are those below the category of a cause; none below a word that is not in the tree. */
export function detailChoices(
  name: CauseDetailName,
  cause: string | null,
): (readonly [code: string, Words])[] {
  if (name !== 'subCause') return Object.entries(LISTS[name])
  return subCausesOf(cause).map(({ code, en, zh }) => [code, words(en, zh)] as const)
}

function subCausesOf(cause: string | null): Cause[] {
  const found = cause === null ? undefined : treeCauseOf(cause)
  if (found === undefined) return []
  const isSub = found.code.includes('/')
  return CAUSES.filter(({ code }) =>
    isSub ? code === found.code : code.startsWith(`${found.code}/`),
  )
}

/** The word of a code for people; the code itself where it is none of ours. */
export function detailName(name: CauseDetailName, code: string): Words {
  if (name !== 'subCause') return LISTS[name][code] ?? words(code, code)
  const found = treeCauseOf(code)
  return found === undefined ? words(code, code) : words(found.en, found.zh)
}

/** Systems beside the distribution system; a user's own plant that trips others is a fault within it (DL/T 836). */
export const OUTSIDE_SYSTEMS: readonly string[] = ['transmission', 'generation']

/** Whether what interrupted lies outside the distribution system: by the system said to be responsible, else by the cause. */
export function isOutside(cause: string | null, detail: CauseDetail | null): boolean {
  if (detail?.responsibleSystem != null) return OUTSIDE_SYSTEMS.includes(detail.responsibleSystem)
  return cause !== null && (treeCauseOf(cause)?.external ?? false)
}

export type DetailFault = { readonly name: CauseDetailName; readonly says: string }

/**
 * What was said beside a cause, checked against the tree and the lists; null where nothing was said, and every fault where something is in
 * neither. A sub-cause may be named without its category.
 */
export function causeDetailOf(
  cause: string | null,
  said: Readonly<Record<string, string | null | undefined>>,
): { readonly detail: CauseDetail | null; readonly faults: readonly DetailFault[] } {
  const faults: DetailFault[] = []
  const detail: Record<CauseDetailName, string | null> = {
    subCause: null,
    equipment: null,
    weather: null,
    responsibleSystem: null,
  }
  for (const name of CAUSE_DETAILS) {
    const code = Object.hasOwn(said, name) ? (said[name] ?? '') : ''
    if (code === '') continue
    const choices = detailChoices(name, cause).map(([choice]) => choice)
    const found = choices.find(
      (choice) => choice === code || (name === 'subCause' && choice.endsWith(`/${code}`)),
    )
    detail[name] = found ?? null
    if (found !== undefined) continue
    const says =
      choices.length > 0
        ? `is not one of ${choices.join(', ')}`
        : cause === null
          ? 'stands below a cause, and none is named'
          : `has nothing to stand below: the tree has nothing below ${cause}`
    faults.push({ name, says })
  }
  const silent = Object.values(detail).every((code) => code === null)
  return { detail: silent ? null : detail, faults }
}

/** The sub-cause of an interruption: said beside the cause, or by the cause itself. */
export function subCauseOf(cause: string | null, detail: CauseDetail | null): string | null {
  if (detail?.subCause != null) return detail.subCause
  const code = cause === null ? undefined : treeCauseOf(cause)?.code
  return code?.includes('/') === true ? code : null
}
