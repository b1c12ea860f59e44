import { readdir, readFile, writeFile } from 'node:fs/promises'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const PAGES = ['index', 'dispatch', 'plan', 'my'] as const
const OUT = new URL('dist/pages/', import.meta.url)

/** Slow networks get the small form; compressing once at build time costs the service nothing. */
const compressAssets: Plugin = {
  name: 'compress-assets',
  apply: 'build',
  async closeBundle() {
    const folder = new URL('assets/', OUT)
    for (const name of await readdir(folder)) {
      if (!/\.(js|css|svg)$/.test(name)) continue
      const bytes = await readFile(new URL(name, folder))
      await writeFile(new URL(`${name}.gz`, folder), gzipSync(bytes, { level: 9 }))
      const params = { [constants.BROTLI_PARAM_QUALITY]: 11 }
      await writeFile(new URL(`${name}.br`, folder), brotliCompressSync(bytes, { params }))
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
