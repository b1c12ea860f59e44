import { accessSync, constants, statSync } from 'node:fs'
import { isIP } from 'node:net'

/** Everything the environment may say (contract.md, "Environment"), checked in one place. */
export type Settings = {
  /** PostgreSQL to use; undefined: the embedded one in `dataDir`. */
  readonly databaseUrl: string | undefined
  readonly dataDir: string
  /** Broker to use; undefined: the embedded one on `mqttPort`. */
  readonly mqttUrl: string | undefined
  readonly mqttPort: number
  readonly mqttGateways: string | undefined
  readonly host: string
  readonly port: number
  readonly timeZone: string
  readonly authSecret: string | undefined
  readonly oidc: { readonly issuer: string; readonly audience: string } | undefined
  readonly noticeHoldS: number
  readonly recloseWindowMin: number
  readonly futureToleranceS: number
  /** Older observations are archived; undefined: never. */
  readonly archiveAfterDays: number | undefined
  readonly parallelAlertMin: number
  readonly engineUrl: string | undefined
  readonly allowedOrigins: readonly string[]
  readonly trustProxy: boolean
  /** Sockets opened from one address in a minute; undefined: as the guard has it. */
  readonly openingsPerMin: number | undefined
  /** Sockets open at once by one identity; undefined: as the rooms have it. */
  readonly socketsPerIdentity: number | undefined
  readonly logLevel: string
  /** Whom customers are told to call. */
  readonly phones: { readonly utility: string | null; readonly emergency: string | null }
  readonly mail: { readonly url: string; readonly from: string } | undefined
  readonly sms: { readonly url: string; readonly token: string | null } | undefined
  readonly push:
    | { readonly privateKey: string; readonly publicKey: string; readonly contact: string }
    | undefined
}

export type Environment = Readonly<Record<string, string | undefined>>

export type SettingFault = { readonly name: string; readonly says: string }

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

type Reader<T> = (text: string) => T | { readonly wrong: string }

/** All faults at once, by name and never by value: a value may be a secret. */
export function readSettings(
  env: Environment,
):
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly faults: SettingFault[] } {
  const faults: SettingFault[] = []
  const read = <T>(name: string, otherwise: T, reader: Reader<T>): T => {
    const text = env[name]
    if (text === undefined || text === '') return otherwise
    const value = reader(text)
    if (typeof value === 'object' && value !== null && 'wrong' in value) {
      faults.push({ name, says: value.wrong })
      return otherwise
    }
    return value
  }
  const issuer = read('RELIGHT_OIDC_ISSUER', undefined, url(['http:', 'https:']))
  const audience = read<string | undefined>('RELIGHT_OIDC_AUDIENCE', undefined, text)
  const isGiven = (name: string): boolean => (env[name] ?? '') !== ''
  const blame = (name: string, says: string): void => {
    if (!faults.some((fault) => fault.name === name)) faults.push({ name, says })
  }
  /** All of them or none; a wrong one is there all the same. */
  const together = (names: readonly string[], values: readonly (string | undefined)[]): boolean => {
    if (names.some(isGiven)) {
      for (const name of names.filter((one) => !isGiven(one))) {
        blame(name, `goes with ${names.filter((other) => other !== name).join(' and ')}`)
      }
    }
    return values.every((value) => value !== undefined)
  }
  const smtpUrl = read('RELIGHT_SMTP_URL', undefined, url(['smtp:', 'smtps:']))
  const mailFrom = read<string | undefined>('RELIGHT_MAIL_FROM', undefined, text)
  const smsUrl = read('RELIGHT_SMS_URL', undefined, url(['http:', 'https:']))
  const smsToken = read<string | undefined>('RELIGHT_SMS_TOKEN', undefined, text)
  const privateKey = read<string | undefined>('RELIGHT_VAPID_PRIVATE_KEY', undefined, text)
  const publicKey = read<string | undefined>('RELIGHT_VAPID_PUBLIC_KEY', undefined, text)
  const contact = read('RELIGHT_VAPID_CONTACT', undefined, url(['mailto:', 'https:']))
  const hasMail = together(['RELIGHT_SMTP_URL', 'RELIGHT_MAIL_FROM'], [smtpUrl, mailFrom])
  const hasPush = together(
    ['RELIGHT_VAPID_PRIVATE_KEY', 'RELIGHT_VAPID_PUBLIC_KEY', 'RELIGHT_VAPID_CONTACT'],
    [privateKey, publicKey, contact],
  )
  together(['RELIGHT_OIDC_ISSUER', 'RELIGHT_OIDC_AUDIENCE'], [issuer, audience])
  const settings: Settings = {
    databaseUrl: read('DATABASE_URL', undefined, url(['postgres:', 'postgresql:'])),
    dataDir: read('RELIGHT_DATA_DIR', './.relight', text),
    mqttUrl: read('MQTT_URL', undefined, url(['mqtt:', 'mqtts:', 'ws:', 'wss:'])),
    mqttPort: read('RELIGHT_MQTT_PORT', 1883, whole(0, 65_535)),
    mqttGateways: read<string | undefined>('RELIGHT_MQTT_GATEWAYS', undefined, file),
    host: read('HOST', '127.0.0.1', host),
    port: read('PORT', 8080, whole(0, 65_535)),
    timeZone: read('RELIGHT_TIME_ZONE', 'UTC', timeZone),
    authSecret: read<string | undefined>('RELIGHT_AUTH_SECRET', undefined, text),
    oidc: issuer === undefined || audience === undefined ? undefined : { issuer, audience },
    noticeHoldS: read('NOTICE_HOLD_S', 20, number(0, 3600)),
    recloseWindowMin: read('RECLOSE_WINDOW_MIN', 5, number(0, 1440)),
    futureToleranceS: read('FUTURE_TOLERANCE_S', 60, number(0, 86_400)),
    archiveAfterDays: read<number | undefined>(
      'RELIGHT_ARCHIVE_AFTER_DAYS',
      undefined,
      number(2, 36_500),
    ),
    parallelAlertMin: read('PARALLEL_ALERT_MIN', 15, number(1, 1440)),
    engineUrl: read('RELIGHT_ENGINE_URL', undefined, url(['http:', 'https:'])),
    allowedOrigins: read('RELIGHT_ALLOWED_ORIGINS', [], (list: string) =>
      list.split(',').map((origin) => origin.trim()),
    ),
    trustProxy: read<boolean>('RELIGHT_TRUST_PROXY', false, (word) =>
      word === '1' ? true : word === '0' ? false : { wrong: 'is neither 0 nor 1' },
    ),
    openingsPerMin: read<number | undefined>(
      'RELIGHT_OPENINGS_PER_MIN',
      undefined,
      whole(1, 10_000_000),
    ),
    socketsPerIdentity: read<number | undefined>(
      'RELIGHT_SOCKETS_PER_IDENTITY',
      undefined,
      whole(1, 60_000),
    ),
    logLevel: read<string>('LOG_LEVEL', 'info', (level) =>
      LOG_LEVELS.includes(level) ? level : { wrong: `is none of ${LOG_LEVELS.join(', ')}` },
    ),
    phones: {
      utility: read<string | null>('RELIGHT_PHONE', null, phone),
      emergency: read<string | null>('RELIGHT_EMERGENCY_PHONE', null, phone),
    },
    mail: hasMail ? { url: smtpUrl as string, from: mailFrom as string } : undefined,
    sms: smsUrl === undefined ? undefined : { url: smsUrl, token: smsToken ?? null },
    push: hasPush
      ? {
          privateKey: privateKey as string,
          publicKey: publicKey as string,
          contact: contact as string,
        }
      : undefined,
  }
  if (
    isGiven('DATABASE_URL') &&
    !isGiven('RELIGHT_AUTH_SECRET') &&
    !isGiven('RELIGHT_OIDC_ISSUER')
  ) {
    blame(
      'RELIGHT_AUTH_SECRET',
      'is required with DATABASE_URL (or RELIGHT_OIDC_ISSUER and RELIGHT_OIDC_AUDIENCE)',
    )
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, settings }
}

const text: Reader<string> = (value) => (value.trim() === '' ? { wrong: 'is blank' } : value)

/** As people write and dial it. */
const phone: Reader<string> = (value) =>
  /^\+?\d[\d ()/.-]{1,28}$/.test(value) ? value : { wrong: 'is not a telephone number' }

/** An address, or a name that a resolver may know. */
const host: Reader<string> = (value) =>
  isIP(value) !== 0 || /^[a-z\d]([a-z\d.-]{0,251}[a-z\d])?$/i.test(value)
    ? value
    : { wrong: 'is neither an address nor a host name' }

const file: Reader<string> = (value) => {
  try {
    accessSync(value, constants.R_OK)
    return statSync(value).isFile() ? value : { wrong: 'is no file' }
  } catch {
    return { wrong: 'is not a file that can be read' }
  }
}

function url(protocols: readonly string[]): Reader<string | undefined> {
  return (value) => {
    const wrong = {
      wrong: `is not a URL of the form ${protocols.map((p) => `${p}//…`).join(' or ')}`,
    }
    return URL.canParse(value) && protocols.includes(new URL(value).protocol) ? value : wrong
  }
}

function number(least: number, most: number): Reader<number> {
  return (value) => {
    const read = Number(value)
    const good = value.trim() !== '' && Number.isFinite(read) && read >= least && read <= most
    return good ? read : { wrong: `is not a number from ${least} to ${most}` }
  }
}

function whole(least: number, most: number): Reader<number> {
  return (value) =>
    /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most
      ? Number(value)
      : { wrong: `is not a whole number from ${least} to ${most}` }
}

const timeZone: Reader<string> = (name) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return { wrong: 'is not an IANA time zone such as Europe/Oslo' }
  }
}
