import { choose, count, language } from '../language.ts'
import { theme, turnTheme } from '../theme.ts'
import { exportReports, exportSeen } from './export.ts'
import {
  ask,
  dayAfter,
  EXCLUSIONS,
  question,
  RULEBOOKS,
  today as todayHere,
  yearBefore,
  VIEWS,
} from './question.ts'
import { PlaceSelect } from './place-select.tsx'
import { reports } from './report-data.ts'
import { w } from './words.ts'

/** Period, rulebook, what is left out and the denominator stand above the first number. */
export function Head() {
  const words = w.value
  const wanted = question.value
  const today = todayHere()
  const year = Number(today.slice(0, 4))
  return (
    <header class="hd">
      <h1>{words.views[wanted.view]}</h1>
      <nav aria-label={words.title}>
        {VIEWS.map((view) => (
          <button
            type="button"
            class="tab"
            key={view}
            aria-pressed={wanted.view === view}
            onClick={() => ask({ view, work: null })}
          >
            {words.views[view]}
          </button>
        ))}
      </nav>
      <span class="push row noprint">
        <button type="button" onClick={turnTheme}>
          {words.theme[theme.value === 'dark' ? 'light' : 'dark']}
        </button>
        <button
          type="button"
          lang={language.value === 'en' ? 'zh-CN' : 'en'}
          onClick={() => choose(language.value === 'en' ? 'zh-CN' : 'en')}
        >
          {words.otherLanguage}
        </button>
        {wanted.view === 'reliability' && (
          <button
            type="button"
            aria-pressed={wanted.explain}
            onClick={() => ask({ explain: !wanted.explain, outage: null })}
          >
            {words.explain}
          </button>
        )}
        <button type="button" onClick={wanted.view === 'reliability' ? exportReports : exportSeen}>
          {words.csv}
        </button>
        <button type="button" onClick={() => print()}>
          {words.print}
        </button>
      </span>
      {wanted.view === 'reliability' && (
        <>
          <div class="ask row">
            <label>
              {words.from}
              <input
                type="date"
                value={wanted.from}
                onChange={(event) =>
                  event.currentTarget.value && ask({ from: event.currentTarget.value })
                }
              />
            </label>
            <label>
              {words.to}
              <input
                type="date"
                value={wanted.to}
                onChange={(event) =>
                  event.currentTarget.value && ask({ to: event.currentTarget.value })
                }
              />
            </label>
            <button
              type="button"
              onClick={() => ask({ from: `${year}-01-01`, to: dayAfter(today, 1) })}
            >
              {words.thisYear}
            </button>
            <button
              type="button"
              onClick={() => ask({ from: `${year - 1}-01-01`, to: `${year}-01-01` })}
            >
              {words.lastYear}
            </button>
            <button
              type="button"
              onClick={() => ask({ from: dayAfter(yearBefore(today), 1), to: dayAfter(today, 1) })}
            >
              {words.months12}
            </button>
            <PlaceSelect />
            <label>
              {words.rulebook}
              <select
                value={wanted.rulebook}
                onChange={(event) => ask({ rulebook: event.currentTarget.value, index: null })}
              >
                {RULEBOOKS.map(([id, name]) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <fieldset class="row">
              <legend class="vh">{words.leftOut}</legend>
              <span class="mute" aria-hidden="true">
                {words.leftOut}
              </span>
              {EXCLUSIONS.map((each) => (
                <label key={each}>
                  <input
                    type="checkbox"
                    checked={wanted.exclude.includes(each)}
                    onChange={(event) =>
                      ask({
                        exclude: EXCLUSIONS.filter((other) =>
                          other === each
                            ? event.currentTarget.checked
                            : wanted.exclude.includes(other),
                        ),
                      })
                    }
                  />
                  {words.exclusions[each]}
                </label>
              ))}
            </fieldset>
          </div>
          <Denominator />
        </>
      )}
    </header>
  )
}

function Denominator() {
  const words = w.value
  const shown = reports.value
  if (shown === null) return null
  const [row] = shown.system.rows
  const { shortUpToS } = shown.system.rulebook.settings
  const short = shortUpToS % 60 === 0 ? `${shortUpToS / 60} min` : `${shortUpToS} s`
  const place = shown.of.feeder ?? shown.of.substation ?? shown.of.area
  return (
    <p class="den">
      <span>
        {row?.customersServed === null || row === undefined
          ? words.servedUnknown
          : words.served(count(Math.round(row.customersServed)))}
      </span>
      <span>{words.shortUpTo(short)}</span>
      {EXCLUSIONS.map((each) => (
        <span key={each}>
          {shown.of.exclude.includes(each)
            ? words.notCounted(words.exclusions[each])
            : words.counted(words.exclusions[each])}
        </span>
      ))}
      {row?.provisional === true && <b>{words.provisional}</b>}
      {place !== null && (
        <span>
          <b>{words.only(place)}</b>{' '}
          <button
            type="button"
            class="plain"
            onClick={() => ask({ feeder: null, substation: null, area: null })}
          >
            {words.whole}
          </button>
        </span>
      )}
      {shown.system.notesInWords.map((note) => (
        <span key={note.en}>{note[language.value]}</span>
      ))}
    </p>
  )
}
