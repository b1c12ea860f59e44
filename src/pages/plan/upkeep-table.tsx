import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { send } from '../api.ts'
import { Columns } from './columns.tsx'
import type { Known } from './reading.ts'
import { Unread } from './unread.tsx'
import { wentWrong } from './upkeep-form.tsx'

/** Acts on the rows of a table. A refusal is kept to be said; after what was done `version` is another one, and the table is read again. */
export function useActs() {
  const [version, setVersion] = useState(0)
  const [said, setSaid] = useState('')
  const readAgain = () => setVersion((before) => before + 1)
  const act = async (path: string, body: unknown): Promise<void> => {
    const why = wentWrong(await send(path, body))
    setSaid(why)
    if (why === '') readAgain()
  }
  return { version, said, readAgain, act }
}

export const ActButton = (parts: { says: string | undefined; act: () => Promise<void> }) => (
  <button type="button" class="plain" onClick={() => void parts.act()}>
    {parts.says}
  </button>
)

/** What was asked for as a table, a word where there is nothing in it, and one where there is more than it shows. */
export function UpkeepTable(parts: {
  asked: Known<unknown>
  columns: Parameters<typeof Columns>[0]['of']
  rows: readonly VNode[]
  none: string
  more: string | null
}) {
  const { asked, rows } = parts
  return (
    <>
      <Unread of={asked} />
      {asked.state === 'known' && rows.length === 0 && <p>{parts.none}</p>}
      {rows.length > 0 && (
        <table>
          <Columns of={parts.columns} />
          <tbody>{rows}</tbody>
        </table>
      )}
      {parts.more !== null && <p>{parts.more}</p>}
    </>
  )
}
