import { extname } from 'node:path'
import { readNetworkFolder, type ReadNetwork } from './network-folder.ts'
import { readOpenDss } from './opendss.ts'

export type NetworkFormat = 'folder' | 'opendss'

/** Reads a network of either format; without one, a `.dss` file is OpenDSS and everything else a folder or a zip of one. */
export async function readNetwork(
  path: string,
  format?: NetworkFormat,
): Promise<ReadNetwork & { readonly format: NetworkFormat }> {
  const known = format ?? (extname(path).toLowerCase() === '.dss' ? 'opendss' : 'folder')
  const read = known === 'opendss' ? await readOpenDss(path) : await readNetworkFolder(path)
  return { ...read, format: known }
}
