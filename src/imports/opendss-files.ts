import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'

/** All the files of one circuit together; a larger one is refused. */
const SCRIPT_BYTES_MAX = 512 * 1024 ** 2

type ScriptText =
  | {
      readonly outcome: 'text'
      readonly path: string
      readonly text: string
      readonly utf8: boolean
    }
  | { readonly outcome: 'missing' | 'outside' | 'too-large' | 'unreadable' }

/**
 * The files of one circuit. Names are looked up in any case, as they were written on machines that do not tell; nothing but the
 * folder of the first file, its parent (where circuits keep the codes they share) and what is below is ever opened, by `..`, an absolute path
 * or a link.
 */
export type ScriptFiles = {
  read(folder: string, name: string): Promise<ScriptText>
  /** The folder `name` as seen from `folder`, inside the root; undefined where there is none. */
  folder(folder: string, name: string): Promise<string | undefined>
  /** How a report calls a file. */
  label(path: string): string
}

export function openScriptFiles(first: string): ScriptFiles {
  const home = dirname(resolve(first))
  const root = dirname(home)
  const listings = new Map<string, Promise<string[]>>()
  let bytes = 0

  const listing = (folder: string): Promise<string[]> => {
    let found = listings.get(folder)
    if (found === undefined) {
      found = readdir(folder).catch(() => [])
      listings.set(folder, found)
    }
    return found
  }

  async function find(
    folder: string,
    name: string,
  ): Promise<{ path: string } | 'missing' | 'outside'> {
    const wanted = name.replaceAll('\\', '/')
    if (isAbsolute(wanted) || /^[a-z]:/i.test(wanted)) return 'outside'
    let path = folder
    for (const part of wanted.split('/')) {
      if (part === '' || part === '.') continue
      if (part === '..') {
        path = dirname(path)
        if (!isInside(root, path)) return 'outside'
        continue
      }
      const names = await listing(path)
      const lower = part.toLowerCase()
      const entry = names.includes(part) ? part : names.find((each) => each.toLowerCase() === lower)
      if (entry === undefined) return 'missing'
      path = join(path, entry)
    }
    try {
      return isInside(await realpath(root), await realpath(path)) ? { path } : 'outside'
    } catch {
      return 'missing'
    }
  }

  return {
    async read(folder, name) {
      const found = await find(folder, name)
      if (typeof found === 'string') return { outcome: found }
      const { path } = found
      try {
        const file = await stat(path)
        if (!file.isFile()) return { outcome: 'unreadable' }
        bytes += file.size
        if (bytes > SCRIPT_BYTES_MAX) return { outcome: 'too-large' }
        const content = await readFile(path)
        return { outcome: 'text', path, ...decode(content) }
      } catch {
        return { outcome: 'unreadable' }
      }
    },
    async folder(folder, name) {
      const found = await find(folder, name)
      if (typeof found === 'string') return undefined
      return (await stat(found.path)).isDirectory() ? found.path : undefined
    },
    label: (path) => relative(home, path).replaceAll(sep, '/'),
  }
}

const isInside = (root: string, path: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)

/** Circuits are often older than UTF-8: what is not UTF-8 is read as Windows-1252, in which every byte is a letter. */
function decode(content: Uint8Array): { text: string; utf8: boolean } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(content), utf8: true }
  } catch {
    return { text: new TextDecoder('windows-1252').decode(content), utf8: false }
  }
}
