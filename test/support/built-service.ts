import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { build } from 'vite'
import { packageRoot } from '../../src/root.ts'

/**
 * The service as its sources are now, in one file of JavaScript: a process that is started again and again starts three times as fast
 * as from its sources. Gives the file; removed when the test ends.
 */
export async function buildService(test: { teardown(fn: () => unknown): void }): Promise<string> {
  // Within the package: it looks for sql/ and its dependencies from where it lies.
  const cache = path.join(packageRoot, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const outDir = mkdtempSync(path.join(cache, 'relight-service-'))
  test.teardown(() => rmSync(outDir, { recursive: true, force: true }))
  await build({
    configFile: false,
    root: packageRoot,
    logLevel: 'error',
    publicDir: false,
    build: {
      ssr: 'src/main.ts',
      outDir,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'main.mjs', chunkFileNames: '[name].mjs' } },
    },
  })
  return path.join(outDir, 'main.mjs')
}
