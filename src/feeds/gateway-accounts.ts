import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import fs from 'node:fs/promises'
import { promisify } from 'node:util'

/** Who may connect to the embedded broker. */
export type GatewayAccounts = {
  /** True only for the right password. Rejects where too many wait to be looked at. */
  verify(name: string, password: Uint8Array): Promise<boolean>
}

const derive = promisify<Buffer, Buffer, number, object, Buffer>(scrypt)
const KEY_BYTES = 32
const SALT_BYTES = 16
// 16 MB and about 50 ms a look: dear for one who guesses, bearable when a town of gateways comes back.
const COST = { N: 16_384, r: 8, p: 1 }
const LOOKS_AT_ONCE_MAX = 2
const LOOKS_WAITING_MAX = 4096
const PASSWORD_BYTES_MAX = 1024

/** What stands behind the name in the gateways file: `scrypt$salt$key`. */
export async function hashGatewayPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const key = await derive(Buffer.from(password), salt, KEY_BYTES, COST)
  return `scrypt$${salt.toString('base64url')}$${key.toString('base64url')}`
}

/**
 * Reads a file of lines `name:scrypt$…` (`#` begins a comment), and reads it again when it has changed. Throws all faults of
 * the file at once; a fault that comes in later leaves the accounts as they were.
 */
export async function openGatewayAccounts(file: string): Promise<GatewayAccounts> {
  let { accounts, changedAt } = await readFile(file)
  const look = limited(LOOKS_AT_ONCE_MAX, LOOKS_WAITING_MAX)
  // Gateways come back often: a password that was right is known again by a digest that dies with this process.
  const secret = randomBytes(KEY_BYTES)
  const known = new Map<string, { hash: string; digest: Buffer }>()
  const unknown = parseHash(await hashGatewayPassword('of nobody'))

  const refresh = async (): Promise<void> => {
    try {
      if ((await fs.stat(file)).mtimeMs === changedAt) return
      ;({ accounts, changedAt } = await readFile(file))
    } catch {
      // gone or half written: the next one looks again
    }
  }

  return {
    verify: async (name, password) => {
      if (password.byteLength > PASSWORD_BYTES_MAX) return false
      await refresh()
      const hash = accounts.get(name)
      const digest = createHmac('sha256', secret).update(password).digest()
      const before = known.get(name)
      if (before !== undefined && before.hash === hash && timingSafeEqual(before.digest, digest)) {
        return true
      }
      // A name that is not there takes as long as one that is.
      const parts = (hash === undefined ? undefined : parseHash(hash)) ?? unknown
      if (parts === undefined) return false
      const key = await look(() => derive(Buffer.from(password), parts.salt, KEY_BYTES, COST))
      const right = timingSafeEqual(key, parts.key) && hash !== undefined
      if (right) known.set(name, { hash, digest })
      return right
    },
  }
}

async function readFile(
  file: string,
): Promise<{ accounts: ReadonlyMap<string, string>; changedAt: number }> {
  const { mtimeMs } = await fs.stat(file).catch((error: Error) => {
    throw new Error(`the gateways file ${file} cannot be read: ${error.message}`)
  })
  const accounts = new Map<string, string>()
  const faults: string[] = []
  const lines = (await fs.readFile(file, 'utf8')).split('\n')
  for (const [i, line] of lines.entries()) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const colon = text.indexOf(':')
    const name = text.slice(0, Math.max(colon, 0))
    const hash = text.slice(colon + 1)
    // A line may hold a password by mistake, so it is not repeated.
    if (!isGatewayName(name)) faults.push(`line ${i + 1}: is not name:scrypt$…`)
    else if (parseHash(hash) === undefined) faults.push(`line ${i + 1}: ${name} has no scrypt hash`)
    else if (accounts.has(name)) faults.push(`line ${i + 1}: ${name} is there twice`)
    else accounts.set(name, hash)
  }
  if (faults.length > 0) throw new Error(`the gateways file ${file}: ${faults.join('; ')}`)
  return { accounts, changedAt: mtimeMs }
}

/** A name is a level of a topic: no separator, no wildcard, nothing unseen. */
export const isGatewayName = (name: string): boolean => /^[^\s/+#:\p{C}]{1,128}$/u.test(name)

function parseHash(hash: string): { salt: Buffer; key: Buffer } | undefined {
  const [kind, salt = '', key = '', ...rest] = hash.split('$')
  if (kind !== 'scrypt' || rest.length > 0) return undefined
  const parts = { salt: Buffer.from(salt, 'base64url'), key: Buffer.from(key, 'base64url') }
  return parts.salt.length === SALT_BYTES && parts.key.length === KEY_BYTES ? parts : undefined
}

/** Runs few at once; the others wait in line, and past the limit are turned away. */
function limited(atOnceMax: number, waitingMax: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= atOnceMax) {
      if (waiting.length >= waitingMax) throw new Error('too many gateways wait to be let in')
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running++
    try {
      return await work()
    } finally {
      // The place goes to the next in line.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
