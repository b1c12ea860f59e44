import { wordsOf } from '../language.ts'

const en = {
  head: 'Probably off: meters and reports say so, no switch does. In no index until it is confirmed.',
  none: 'Nothing speaks for an outage that is not known.',
  past: 'Of the past nothing is guessed.',
  notRead: (why: string) => `What is probable could not be read: ${why}`,
  col: { where: 'Probably open', feeder: 'Feeder', evidence: 'Evidence' },
  customers: 'Customers',
  since: 'Since',
  lasts: 'For',
  act: 'Act',
  noSwitch: (places: string) => `at ${places}; no one switch`,
  evidence: (dark: string, places: number, all: number) =>
    `${dark} dark at ${places} of ${all} transformers, none lit`,
  alone: (dark: string, lit: number) => `${dark} dark${lit > 0 ? `, ${lit} lit` : ''}`,
  confirm: 'Confirm …',
  confirmOf: (where: string) => `Confirm the outage at ${where}`,
  asOf: (time: string) => `It is recorded as open since ${time}, when the first meter went dark.`,
}

const zh: typeof en = {
  head: '疑似停电：电表或用户如此反映，尚无开关信号。确认前不计入任何指标。',
  none: '没有未知停电的迹象。',
  past: '不对过去作推测。',
  notRead: (why) => `未能读取疑似停电：${why}`,
  col: { where: '疑似断开', feeder: '线路', evidence: '依据' },
  customers: '户数',
  since: '开始',
  lasts: '持续',
  act: '操作',
  noSwitch: (places) => `${places}；无单一开关`,
  evidence: (dark, places, all) => `${all}台变压器中${places}台、${dark}块电表无电，无电表有电`,
  alone: (dark, lit) => `${dark}块电表无电${lit > 0 ? `，${lit}块有电` : ''}`,
  confirm: '确认…',
  confirmOf: (where) => `确认${where}停电`,
  asOf: (time) => `按首块电表失电时间${time}起记为断开。`,
}

export const guessWords = wordsOf({ en, 'zh-CN': zh })
