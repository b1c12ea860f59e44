import type { Phones } from '../notices/safety.ts'
import { causeSentence, say, type Language } from '../notices/words.ts'
import type { EpochMs } from '../time.ts'
import { escape, plainSafety, plainStorms, plainTimes, type StormSaid } from './plain.ts'

/** What `GET /api/v1/me` answers, as far as a list without scripts says it. */
export type PlainMe = {
  readonly at: string
  readonly storms?: readonly StormSaid[]
  readonly servicePoints: readonly PlainPoint[]
}
type PlainPoint = {
  readonly id: string
  readonly supply: 'on' | 'off' | 'unknown'
  readonly since: string | null
  readonly probablyOff: { readonly text: Readonly<Record<Language, string>> } | null
  readonly outage: {
    readonly kind: string
    readonly cause: string | null
    readonly customersOut: number
    readonly crew: { readonly state: string; readonly at: string } | null
  } | null
  readonly etr: {
    at: string
    earliest: string | null
    latest: string | null
    source: string
  } | null
  readonly estimate: string | null
  readonly plannedWork: readonly { readonly from: string; readonly until: string }[]
  readonly history: {
    readonly interruptions: readonly { readonly from: string; readonly minutes: number }[]
  }
}

const EN = {
  asOf: (at: string) => `As of ${at}. This page does not renew itself: load it again.`,
  on: 'Power is on',
  off: 'Your power is out',
  maybeOff: 'Your power is probably off',
  planned: 'Planned work: your power is off',
  unknown: 'We cannot say',
  unknownLead: 'This address is not in the network yet. If your power is off, call us.',
  since: 'Since',
  expected: 'Expected back',
  range: (from: string, to: string, likely: string) =>
    `between ${from} and ${to}, most likely ${likely}`,
  cautious: (from: string, to: string, by: string) =>
    `between ${from} and ${to}; four of five are back by ${by}`,
  around: (at: string) => `around ${at}`,
  awaited: 'No estimate yet',
  reassessing: 'The estimate has passed. We are checking, and say a new one.',
  cause: 'Cause',
  notKnown: 'Not known yet',
  crew: 'Crew',
  noCrew: 'Not sent yet',
  crewState: {
    assigned: 'named, leaving soon',
    enRoute: 'on the way',
    onSite: 'on site',
    working: 'working',
    suspended: 'waiting for parts or safe conditions',
    done: 'done',
  } as Record<string, string>,
  homes: 'Homes',
  out: (n: string) => `${n} without power`,
  medical: 'On medical equipment? Do not wait for this page: call for help, day or night.',
  work: 'Planned work at your address',
  workNone: 'None is announced.',
  span: (from: string, to: string) => `${from} to ${to}`,
  history: 'Last 24 months',
  historyNone: 'No interruptions.',
  minutes: (n: string) => `${n} min`,
  all: 'All outages',
  signOut: 'Sign out',
  signIn: 'My address',
  how: 'Your browser runs no scripts. Paste the token of your link (what follows “#token=”) to read your answer as a list.',
  refused: 'This token was not accepted. It may have expired.',
  token: 'Token',
}
const ZH: typeof EN = {
  asOf: (at) => `截至 ${at}。本页不会自动更新，请重新载入。`,
  on: '供电正常',
  off: '您家已停电',
  maybeOff: '您家可能停电',
  planned: '计划停电：您家暂时没电',
  unknown: '暂时无法确定',
  unknownLead: '该地址尚未录入网络图。如果没电，请致电我们。',
  since: '开始',
  expected: '预计来电',
  range: (from, to, likely) => `${from} 至 ${to} 之间，最可能在 ${likely}`,
  cautious: (from, to, by) => `${from} 至 ${to} 之间，约八成用户在 ${by} 前来电`,
  around: (at) => `${at} 左右`,
  awaited: '暂无预计时间',
  reassessing: '预计时间已过，正在核实，将给出新的时间。',
  cause: '原因',
  notKnown: '尚不清楚',
  crew: '抢修人员',
  noCrew: '尚未派出',
  crewState: {
    assigned: '已指派，即将出发',
    enRoute: '正在途中',
    onSite: '已到现场',
    working: '正在抢修',
    suspended: '等待配件或安全条件',
    done: '已完成',
  },
  homes: '户数',
  out: (n) => `${n} 户停电`,
  medical: '家中有医疗设备？请勿等待本页，随时求助。',
  work: '您地址的计划停电',
  workNone: '暂无公告。',
  span: (from, to) => `${from} 至 ${to}`,
  history: '过去24个月',
  historyNone: '没有停电。',
  minutes: (n) => `${n}分钟`,
  all: '全部停电',
  signOut: '退出',
  signIn: '我的地址',
  how: '您的浏览器未运行脚本。请粘贴链接中的令牌（“#token=”之后的部分），即可以列表形式查看。',
  refused: '令牌未被接受，可能已过期。',
  token: '令牌',
}
const WORDS: Record<Language, typeof EN> = { en: EN, 'zh-CN': ZH }

/**
 * What stands while scripts are still on a slow way: whom to call, and where the list of all is. For browsers that run none a form that
 * takes a token; `refused` after one that did not hold.
 */
export function plainSignIn(language: Language, refused: boolean, phones: Phones): string {
  const words = WORDS[language]
  return (
    `<main class="plain"><noscript>` +
    `<h1>${words.signIn}</h1>${refused ? `<p role="alert"><b>${words.refused}</b></p>` : ''}` +
    `<form method="post" action="/my/sign-in?lang=${language}"><p>${words.how}</p>` +
    `<label>${words.token} <textarea name="token" rows="4" required></textarea></label>` +
    `<button>${words.signIn}</button></form></noscript>` +
    `${plainSafety(language, phones)}<p><b>${words.medical}</b></p>` +
    `<p><a href="/">${words.all}</a></p></main>`
  )
}

/**
 * The answer for each of my points as HTML without scripts: the same facts as the page with them. Scripts that come later leave it
 * standing until they know as much (`mine`).
 */
export function plainMe(
  me: PlainMe,
  { language, timeZone, phones }: { language: Language; timeZone: string; phones: Phones },
): string {
  const words = WORDS[language]
  const now = Date.parse(me.at)
  const { when, count } = plainTimes(language, timeZone)
  const points = me.servicePoints.map((point) => onePoint(point, { language, now, timeZone }))
  return (
    `<main class="plain mine" lang="${language}">` +
    `${plainStorms(me.storms, language)}<p class="mute">${words.asOf(when(me.at))}</p>${points.join('')}` +
    `<p><a href="/">${words.all}</a></p>` +
    `<form method="post" action="/my/sign-out?lang=${language}"><button>${words.signOut}</button></form></main>`
  )

  function onePoint(
    point: PlainPoint,
    reading: { language: Language; now: EpochMs; timeZone: string },
  ): string {
    const { outage } = point
    const head =
      point.supply === 'unknown'
        ? words.unknown
        : point.supply === 'on'
          ? point.probablyOff === null
            ? words.on
            : words.maybeOff
          : outage?.kind === 'planned'
            ? words.planned
            : words.off
    const facts: [string, string][] = []
    if (point.since !== null) facts.push([words.since, when(point.since)])
    if (outage !== null) {
      const cause = causeSentence(outage.cause)
      facts.push(
        [words.expected, expectedOf(point)],
        [
          words.cause,
          cause === null
            ? words.notKnown
            : say(cause, language, { at: reading.now, timeZone: reading.timeZone }),
        ],
        [
          words.crew,
          outage.crew === null
            ? words.noCrew
            : (words.crewState[outage.crew.state] ?? outage.crew.state),
        ],
        [words.homes, words.out(count(outage.customersOut))],
      )
    }
    const works = point.plannedWork.map(({ from, until }) => words.span(when(from), when(until)))
    const past = point.history.interruptions.map(
      ({ from, minutes }) => `${when(from)}: ${words.minutes(count(Math.round(minutes)))}`,
    )
    return (
      `<section><p>${escape(point.id)}</p><h1>${head}</h1>` +
      (point.supply === 'unknown' ? `<p>${words.unknownLead}</p>` : '') +
      (point.probablyOff === null ? '' : `<p>${escape(point.probablyOff.text[language])}</p>`) +
      `<table><tbody>${facts
        .map(([name, value]) => `<tr><th scope="row">${name}</th><td>${escape(value)}</td></tr>`)
        .join('')}</tbody></table>` +
      (outage === null ? '' : `${plainSafety(language, phones)}<p><b>${words.medical}</b></p>`) +
      `<h2>${words.work}</h2>${list(works, words.workNone)}` +
      `<h2>${words.history}</h2>${list(past, words.historyNone)}</section>`
    )
  }

  function expectedOf({ etr, estimate }: PlainPoint): string {
    if (etr === null) return estimate === 'reassessing' ? words.reassessing : words.awaited
    const { at, earliest, latest } = etr
    if (earliest === null || latest === null) return words.around(when(at))
    const say = etr.source === 'storm' ? words.cautious : words.range
    return say(when(earliest), when(latest), when(at))
  }
}

const list = (items: readonly string[], none: string): string =>
  items.length === 0
    ? `<p>${none}</p>`
    : `<ul>${items.map((item) => `<li>${escape(item)}</li>`).join('')}</ul>`
