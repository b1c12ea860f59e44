/**
 * Who may import whom (README, "The house"): a floor imports what is below it, and the ground imports nothing but the ground. Rooms on one
 * floor do not know each other, except that http and live may know one another's neighbours named here. No cycles. Fails when it read
 * fewer files than there are rooms: a checker that sees nothing would find nothing.
 */
import { cruise, type ICruiseResult, type IReporterOutput } from 'dependency-cruiser'
import { fileURLToPath } from 'node:url'
import path from 'node:path'

const GROUND = ['grid', 'ledger', 'reliability', 'balance', 'work', 'notices']
const FLOORS: readonly (readonly string[])[] = [
  GROUND,
  ['feeds', 'stores', 'imports', 'delivery'],
  ['http', 'live', 'pages'],
  ['control-room'],
  ['cli', 'main', 'service', 'settings', 'open-database', 'root'],
]
/** Same floor, allowed on purpose: routes join sockets to rooms and read what rooms read. */
const NEIGHBOURS = new Set(['http>live'])
/** What every floor may use: instants and the one clock. */
const EVERYWHERE = new Set(['time', 'clock'])
const MODULES_MIN = 60

const roomOf = (file: string): string | undefined => {
  const [top, room] = file.split('/')
  return top === 'src' && room !== undefined ? room.replace(/\.tsx?$/, '') : undefined
}
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
process.chdir(root)
const output: IReporterOutput = await cruise(['src', 'simulators'], {
  tsPreCompilationDeps: true,
  doNotFollow: { path: 'node_modules' },
  ruleSet: { forbidden: [{ name: 'cycle', severity: 'error', from: {}, to: { circular: true } }] },
  tsConfig: { fileName: 'tsconfig.json' },
})
const result = output.output as ICruiseResult
const faults: string[] = []
let modules = 0
for (const module of result.modules) {
  if (!/^(src|simulators)\//.test(module.source)) continue
  modules++
  const from = roomOf(module.source)
  if (from !== undefined && floorOf(from) < 0 && !EVERYWHERE.has(from)) {
    faults.push(`${module.source} is in no room of the house`)
  }
  for (const { resolved, circular } of module.dependencies) {
    if (circular) faults.push(`${module.source} and ${resolved} import each other`)
    const to = roomOf(resolved)
    if (to === undefined) {
      if (resolved.startsWith('simulators/') && from !== undefined && from !== 'cli') {
        faults.push(`${module.source} imports the simulators`)
      }
      if (from !== undefined && GROUND.includes(from) && !resolved.startsWith('src/')) {
        faults.push(`${module.source} is on the ground and imports ${resolved}`)
      }
      continue
    }
    if (from === undefined || from === to || EVERYWHERE.has(to)) continue
    if (EVERYWHERE.has(from)) faults.push(`${module.source} imports ${resolved}`)
    const [above, below] = [floorOf(from), floorOf(to)]
    if (below > above) faults.push(`${module.source} imports ${resolved}, which is above it`)
    const sameFloor = below === above && above > 0 && above < FLOORS.length - 1
    if (sameFloor && !NEIGHBOURS.has(`${from}>${to}`)) {
      faults.push(`${module.source} imports ${resolved}, a room on its own floor`)
    }
  }
}
if (modules < MODULES_MIN) faults.push(`only ${modules} files were read`)
for (const fault of new Set(faults)) console.log(fault)
console.log(`${modules} files, ${new Set(faults).size} faults`)
process.exitCode = faults.length > 0 ? 1 : 0
