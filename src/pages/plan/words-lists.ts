import { wordsOf } from '../language.ts'

const en = {
  head: 'Who is interrupted',
  worst: 'Worst feeders, with their ranks of earlier years',
  customers: 'Load points with many or long interruptions',
  watch: 'Watch list of frequent interruptions',
  shown: (n: string, all: string) => `${n} of ${all} are shown.`,
  rank: 'Rank',
  yearBefore: (n: number) => (n === 1 ? 'A year before' : `${n} years before`),
  again: 'Repeated',
  isAgain: 'again among the worst',
  interruptions: 'Interruptions',
  longest: 'Longest',
  together: 'Together',
  last: 'Last began',
  why: 'Counted for',
  reasons: {
    repeated: 'many',
    longSingle: 'one long',
    longTotal: 'long together',
  } as Record<string, string>,
  rule: (n: number, months: number) =>
    `${n} or more in ${months === 1 ? 'a month' : `${months} months`}`,
  inMonths: (n: number) => (n === 1 ? 'in a month' : `in ${n} months`),
}
const zh: typeof en = {
  head: '停电用户',
  worst: '最差线路与往年名次',
  customers: '停电次数多或时间长的负荷点',
  watch: '频繁停电监视名单',
  shown: (n, all) => `显示 ${all} 项中的 ${n} 项。`,
  rank: '名次',
  yearBefore: (n) => `${n} 年前名次`,
  again: '重复',
  isAgain: '再次位列最差',
  interruptions: '停电次数',
  longest: '最长',
  together: '合计',
  last: '最近开始',
  why: '计入原因',
  reasons: { repeated: '次数多', longSingle: '单次长', longTotal: '累计长' },
  rule: (n, months) => `${months} 个月内 ${n} 次及以上`,
  inMonths: (n) => `${n} 个月内`,
}
export const wi = wordsOf({ en, 'zh-CN': zh })
