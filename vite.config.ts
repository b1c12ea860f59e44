import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const PAGES = ['index', 'dispatch', 'plan', 'my'] as const

/** Where this build goes: tests build beside what is served. */
let assets = ''
/** Slow networks get the small form; compressing once at build time costs the service nothing. */
const compressAssets: Plugin = {
  name: 'compress-assets',
  apply: 'build',
  configResolved({ root, build }) {
    assets = path.resolve(root, build.outDir, 'assets')
  },
  async closeBundle() {
    for (const name of await readdir(assets)) {
      if (!/\.(js|css|svg)$/.test(name)) continue
      const file = path.join(assets, name)
      const bytes = await readFile(file)
      await writeFile(`${file}.gz`, gzipSync(bytes, { level: 9 }))
      const params = { [constants.BROTLI_PARAM_QUALITY]: 11 }
      await writeFile(`${file}.br`, brotliCompressSync(bytes, { params }))
    }
  },
}

export default defineConfig({
  root: 'src/pages',
  publicDir: 'static',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [compressAssets],
  build: {
    outDir: '../../dist/pages',
    emptyOutDir: true,
    // A data: address inside a style sheet would need a hole in the content security policy.
    assetsInlineLimit: 0,
    cssTarget: ['chrome100', 'firefox100', 'safari15'],
    rolldownOptions: {
      input: PAGES.map((page) => `src/pages/${page}.html`),
      // A browser asks six files of a house at a time: what pages share is one file, or the first answer waits a round trip more.
      output: { codeSplitting: { groups: [{ name: 'common', minShareCount: 2 }] } },
    },
  },
})
