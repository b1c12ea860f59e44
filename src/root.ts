import fs from 'node:fs'
import path from 'node:path'

/** The folder of the package, whether this file runs from src/ or from dist/src/: sql/ and the built pages lie below it. */
export const packageRoot: string = (() => {
  let folder = import.meta.dirname
  while (!fs.existsSync(path.join(folder, 'package.json'))) {
    const above = path.dirname(folder)
    if (above === folder) throw new Error('relight runs outside of its package')
    folder = above
  }
  return folder
})()
