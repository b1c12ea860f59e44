import type { NetworkTables } from '../src/grid/tables.ts'
import type { SwitchReason } from '../src/ledger/observation.ts'
import type { EpochMs } from '../src/time.ts'
import type { Field, Operation } from './field.ts'
import { feederOfNodes, normalPositions } from './plain-grid.ts'
import type { Random } from './random.ts'
import { randomFrom } from './random.ts'
import type { SectionFault } from './story-plan.ts'
import { planFuseFault, planSectionFault } from './story-plan.ts'

export type StoryOptions = {
  readonly tables: NetworkTables
  readonly field: Field
  readonly seed: number | string
  /** Twice as fast at 2. */
  readonly speed: number
  readonly now: () => EpochMs
  /** One line of the story, without the time. */
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

const FIRST_FAULT_AFTER_S = 4
const BETWEEN_EVENTS_S = [120, 240] as const

type Teller = {
  readonly random: Random
  readonly field: Field
  readonly say: (line: string) => void
  /** In story seconds; false where the story is to end. */
  readonly pause: (seconds: number) => Promise<boolean>
  readonly move: (
    id: string,
    position: 'open' | 'closed',
    reason: SwitchReason,
    phases?: number,
  ) => Promise<Operation>
  /** `RCL-3 (Northgate 4 Hill Road)` */
  readonly named: (id: string) => string
}

/**
 * The demo: a fault with its reclosings, the way around it through a tie, and the repair, within the first minute; then something every
 * few minutes until `signal` aborts, which resolves it. Rejects only by a broker that refuses.
 */
export async function runStory(options: StoryOptions): Promise<void> {
  const teller = makeTeller(options)
  const { random, say } = teller
  if (!(await teller.pause(FIRST_FAULT_AFTER_S))) return

  const first = planSectionFault(options.field.grid, random)
  const told = first === undefined ? await tellFuseFault(teller) : await tellFault(teller, first)
  if (!told) return
  for (;;) {
    const restS = random.between(...BETWEEN_EVENTS_S)
    say(`All quiet. The next event comes in about ${Math.max(1, Math.round(restS / 60))} min.`)
    if (!(await teller.pause(restS))) return
    if (!(await tellSomething(teller))) return
  }
}

async function tellSomething(teller: Teller): Promise<boolean> {
  const fault = planSectionFault(teller.field.grid, teller.random)
  const roll = teller.random.next()
  if (fault === undefined || roll < 0.45) return await tellFuseFault(teller)
  if (roll < 0.6) return await tellPassingFault(teller, fault)
  if (roll < 0.75) return await tellTransfer(teller, fault)
  return await tellFault(teller, fault)
}

/** A permanent fault on a main line: reclosing in vain, lockout, isolation, supply through the tie, repair, back to normal. */
async function tellFault(teller: Teller, fault: SectionFault): Promise<boolean> {
  const { say, named } = teller
  const device = named(fault.device)
  const trip = await teller.move(fault.device, 'open', 'trip')
  say(`Fault! ${device} tripped: ${customers(trip.customersLost)} without supply.`)
  if (!(await teller.pause(1.5))) return false
  const shot = await teller.move(fault.device, 'closed', 'reclose')
  say(`${device} reclosed: ${customers(shot.customersRestored)} back for a moment …`)
  if (!(await teller.pause(0.7))) return false
  await teller.move(fault.device, 'open', 'trip')
  if (!(await teller.pause(4))) return false
  await teller.move(fault.device, 'closed', 'reclose')
  if (!(await teller.pause(0.5))) return false
  const lockout = await teller.move(fault.device, 'open', 'lockout')
  say(`${device} locked out: the fault is still there, ${customers(lockout.customersOut)} out.`)

  if (!(await teller.pause(10))) return false
  await teller.move(fault.isolator, 'open', 'manual')
  say(`The crew opens ${named(fault.isolator)}: the faulted section is cut off.`)
  if (!(await teller.pause(6))) return false
  const around = await teller.move(fault.tie, 'closed', 'manual')
  say(
    `${named(fault.tie)} closed: ${customers(around.customersRestored)} back from the neighbour, ` +
      `${customers(around.customersOut)} still out.`,
  )
  if (!(await teller.pause(16))) return false
  const repaired = await teller.move(fault.device, 'closed', 'manual')
  say(
    `Repaired. ${device} closed: ${customers(repaired.customersRestored)} back; ` +
      `${repaired.customersOut === 0 ? 'everyone has supply' : `${customers(repaired.customersOut)} still out`}.`,
  )
  if (!(await teller.pause(5))) return false
  await teller.move(fault.isolator, 'closed', 'manual')
  if (!(await teller.pause(2))) return false
  await teller.move(fault.tie, 'open', 'manual')
  say(`Back to normal: ${fault.isolator} closed, ${fault.tie} open; nobody noticed.`)
  return true
}

/** A branch in the wind: one reclosing clears it. */
async function tellPassingFault(teller: Teller, fault: SectionFault): Promise<boolean> {
  const device = teller.named(fault.device)
  const trip = await teller.move(fault.device, 'open', 'trip')
  teller.say(`${device} tripped: ${customers(trip.customersLost)} without supply.`)
  if (!(await teller.pause(2))) return false
  const back = await teller.move(fault.device, 'closed', 'reclose')
  teller.say(
    `${device} reclosed and stays: ${customers(back.customersRestored)} back, momentary only.`,
  )
  return true
}

/** Work on a main line without interrupting anyone: the far part is fed from the neighbour meanwhile. */
async function tellTransfer(teller: Teller, fault: SectionFault): Promise<boolean> {
  const { named, say } = teller
  await teller.move(fault.tie, 'closed', 'planned')
  if (!(await teller.pause(3))) return false
  const open = await teller.move(fault.isolator, 'open', 'planned')
  say(
    `Planned switching: ${named(fault.tie)} closed, ${named(fault.isolator)} open; ` +
      `${open.customersLost === 0 ? 'nobody' : customers(open.customersLost)} interrupted.`,
  )
  if (!(await teller.pause(60))) return false
  await teller.move(fault.isolator, 'closed', 'planned')
  if (!(await teller.pause(3))) return false
  await teller.move(fault.tie, 'open', 'planned')
  say(`The work is done: ${fault.isolator} closed, ${fault.tie} open again.`)
  return true
}

async function tellFuseFault(teller: Teller): Promise<boolean> {
  const { say, named } = teller
  const fault = planFuseFault(teller.field.grid, teller.random)
  if (fault === undefined) return true
  const blown = await teller.move(fault.fuse, 'open', 'trip', fault.phases)
  const which = fault.phases === undefined ? '' : ` on phase ${'ABC'[Math.log2(fault.phases)]}`
  say(
    `Fuse ${named(fault.fuse)} blew${which}: ${customers(blown.customersLost)} without supply; ` +
      'a crew is on its way.',
  )
  if (!(await teller.pause(teller.random.between(30, 70)))) return false
  const back = await teller.move(fault.fuse, 'closed', 'manual', fault.phases)
  say(`${fault.fuse} replaced: ${customers(back.customersRestored)} back.`)
  return true
}

function makeTeller(options: StoryOptions): Teller {
  const { field, tables, signal, now } = options
  const feederOf = feederOfNodes(field.grid, normalPositions(field.grid))
  return {
    random: randomFrom(`${options.seed}/story`),
    field,
    say: options.say,
    pause: (seconds) => pause((seconds * 1000) / options.speed, signal),
    async move(id, position, reason, phases) {
      const operation = field.operate(id, position, {
        reason,
        at: now(),
        ...(phases === undefined ? {} : { phases }),
      })
      if (signal.aborted) operation.told.catch(() => undefined)
      else await untilAborted(operation.told, signal)
      return operation
    },
    named(id) {
      const device = tables.switches[field.grid.switchOf.get(id) ?? -1]
      const node = field.grid.nodeOf.get(device?.to ?? '')
      const feeder = node === undefined ? undefined : tables.feeders[feederOf[node]!]
      return feeder === undefined ? id : `${id} (${feeder.name})`
    },
  }
}

/** The broker may be slow to take a word; the end of the story does not wait for it. */
async function untilAborted(told: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = new AbortController()
  try {
    await Promise.race([
      told,
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { signal: aborted.signal })
      }),
    ])
  } finally {
    aborted.abort()
    told.catch(() => undefined)
  }
}

/** True after so long; false at once when `signal` aborts. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end)
      resolve(true)
    }, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}

const customers = (count: number) => (count === 1 ? '1 customer' : `${count} customers`)
