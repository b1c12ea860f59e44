import { useState } from 'preact/hooks'
import { signIn, token, useToken } from './api.ts'

type SignInWords = {
  readonly signIn: string
  readonly signInHow: string
  readonly signInRefused: string
  readonly token: string
}

/** Asks for the token that `relight token` and the demo print. */
export function SignIn({ words }: { words: SignInWords }) {
  const [text, setText] = useState('')
  return (
    <main class="sign-in">
      <h1>{words.signIn}</h1>
      {signIn.value === 'refused' && token.value !== null && (
        <p role="alert">{words.signInRefused}</p>
      )}
      <p>{words.signInHow}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (text.trim() === '') return
          useToken(text)
          location.reload()
        }}
      >
        <label>
          {words.token}
          <textarea
            rows={4}
            cols={48}
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="go">
          {words.signIn}
        </button>
      </form>
    </main>
  )
}
