import { ask, dayAfter, question } from './question.ts'
import { useRead, valueOf } from './reading.ts'
import type { Report } from './report-data.ts'
import { w } from './words.ts'

/** The place that is looked at alone: an area or a substation; a feeder is chosen in its table. */
export function PlaceSelect() {
  const words = w.value
  const { to, area, substation, feeder } = question.value
  // The places are those of the last day of the period; a day is read in no time.
  const day = `/api/v1/indices?from=${dayAfter(to, -1)}&to=${to}`
  const areas = namesOf(valueOf(useRead<Report>(`${day}&by=area`)), area)
  const stations = namesOf(valueOf(useRead<Report>(`${day}&by=substation`)), substation)
  const chosen =
    feeder !== null
      ? `feeder ${feeder}`
      : area !== null
        ? `area ${area}`
        : substation !== null
          ? `substation ${substation}`
          : ''
  return (
    <label>
      {words.place}
      <select
        value={chosen}
        onChange={(event) => {
          const [kind, ...name] = event.currentTarget.value.split(' ')
          const id = name.join(' ')
          ask({
            area: kind === 'area' ? id : null,
            substation: kind === 'substation' ? id : null,
            feeder: null,
          })
        }}
      >
        <option value="">{words.whole}</option>
        {feeder !== null && (
          <option value={`feeder ${feeder}`}>
            {words.feeder} {feeder}
          </option>
        )}
        <optgroup label={words.areas}>
          {areas.map((id) => (
            <option key={id} value={`area ${id}`}>
              {id}
            </option>
          ))}
        </optgroup>
        <optgroup label={words.substations}>
          {stations.map((id) => (
            <option key={id} value={`substation ${id}`}>
              {id}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  )
}

/** Also the one that is chosen, although nothing is served there today. */
function namesOf(report: Report | null, chosen: string | null): string[] {
  const found = (report?.rows ?? []).flatMap(({ group }) => group ?? [])
  return [...new Set(chosen === null ? found : [...found, chosen])].sort()
}
