import { Connections, LoadAlarms } from './connections.tsx'
import { Findings, Patrols } from './patrols.tsx'

/** Rounds, what they found, connections that are asked for, and loads that were too high. */
export const Upkeep = () => (
  <>
    <Patrols />
    <Findings />
    <Connections />
    <LoadAlarms />
  </>
)
