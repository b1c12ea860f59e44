/** A text for people, in both languages. */
export type Words = { readonly en: string; readonly 'zh-CN': string }

const words = (en: string, zh: string): Words => ({ en, 'zh-CN': zh })

/** What a report may leave out. */
const LEFT_OUT: Readonly<Record<string, Words>> = {
  planned: words('planned interruptions', '预安排停电'),
  major: words('major event days', '重大事件日'),
  external: words('external causes', '外部影响'),
  source_shortage: words('shortage of generation', '系统电源不足限电'),
  customer: words('customers by their own plant', '用户自有设施影响的本户'),
}
export const leftOutInWords = (what: string): Words => LEFT_OUT[what] ?? words(what, what)

const NAMES: Readonly<Record<string, Words>> = {
  unit: words('What is counted', '统计单位'),
  shortUpToS: words('Short (momentary) up to', '短时停电'),
  immediateUpToS: words('Reclosed or transferred at once', '重合闸成功或备用电源自动投入'),
  shortIncludesLimit: words('An interruption of exactly that limit', '恰为该时限的停电'),
  reinterruptionMergeMin: words('Re-interruption in the same outage', '同一事件中再次停电'),
  shortInHeadline: words('Short interruptions', '短时停电的计入'),
  plannedOverrun: words('Planned work beyond its approved end', '预安排停电超时部分'),
  plannedUntold: words('Planned work, to customers not told of it', '预安排停电中未通知的用户'),
  plannedWeight: words('Planned interruptions in weighted figures', '加权指标中的预安排停电'),
  eventWindowS: words('Window of a momentary event', '短时停电事件时窗'),
  repeatedCompare: words('Repeated interruptions', '多次停电'),
  longSingleH: words('Long single interruption', '单次长时间停电'),
  longTotalH: words('Long total duration', '累计长时间停电'),
}

/** The name of a setting of the rulebooks, of `shortInHeadline`, or of `exclude:` and what is left out. */
export function ruleName(rule: string): Words {
  const left = rule.startsWith('exclude:') ? rule.slice('exclude:'.length) : undefined
  return left === undefined ? (NAMES[rule] ?? words(rule, rule)) : leftOutInWords(left)
}

const VALUES: Readonly<Record<string, Readonly<Record<string, Words>>>> = {
  unit: {
    customer: words('customers', '用户'),
    medium_voltage_user: words('medium-voltage users', '中压用户（公用配变台区计为一户）'),
  },
  shortIncludesLimit: {
    true: words('is short', '计为短时停电'),
    false: words('is long', '计为持续停电'),
  },
  reinterruptionMergeMin: { null: words('a new interruption', '计为新的停电') },
  plannedOverrun: {
    planned: words('stays planned', '仍计为预安排停电'),
    faultTime: words('the time beyond is a fault', '超时时间计为故障停电'),
    faultInterruption: words(
      'the time beyond is another, unplanned interruption',
      '另计一次故障停电',
    ),
  },
  plannedUntold: {
    planned: words('is planned', '计为预安排停电'),
    fault: words('is a fault', '计为故障停电'),
  },
  repeatedCompare: {
    atLeast: words('n or more', 'n 次及以上'),
    moreThan: words('more than n', '多于 n 次'),
  },
}

/** What a setting says, in words; for `exclude:` and `shortInHeadline` whether it counts. */
export function ruleValue(rule: string, value: string | number | boolean | null): Words {
  const known = VALUES[rule]?.[String(value)]
  if (known !== undefined) return known
  if (value === 'counted') return words('counted', '计入')
  if (value === 'left out') return words('left out', '不计')
  switch (rule) {
    case 'shortUpToS':
    case 'eventWindowS':
      return words(`${value} s`, `${value} s`)
    case 'immediateUpToS':
      return value === 0
        ? words('every interruption counts', '均计为停电')
        : words(`up to ${value} s: no interruption`, `${value} s 以内不计为停电`)
    case 'plannedWeight':
      return words(`count ${Number(value) * 100} %`, `按 ${Number(value) * 100} % 计入`)
    case 'longSingleH':
    case 'longTotalH':
      return words(`≥ ${value} h`, `≥ ${value} h`)
    case 'reinterruptionMergeMin':
      return words(`within ${value} min: time only`, `${value} 分钟内：只计时间`)
    default:
      return words(String(value), String(value))
  }
}
