/**
 * The classes of OpenDSS that decide who has supply, with their properties in the order of the language: a value without a name takes the
 * place after the one before it, and a name may be shortened to its beginning.
 */
const DELIVERY = 'normamps emergamps faultrate pctperm repair basefreq enabled like'
const EQUIPMENT = 'basefreq enabled like'

const list = (text: string): readonly string[] => text.split(/\s+/)

const TRANSFORMER = list(
  `phases windings wdg bus conn kv kva tap %r rneut xneut buses conns kvs kvas taps xhl xht xlt xscarray thermal n m flrise
  hsrise %loadloss %noloadloss normhkva emerghkva sub maxtap mintap numtaps subname %imag ppm_antifloat %rs bank xfmrcode xrconst
  x12 x13 x23 leadlag wdgcurrents core rdcohms seasons ratings ${DELIVERY}`,
)

export const MODELLED: Readonly<Record<string, readonly string[]>> = {
  vsource: list(
    `bus1 basekv pu angle frequency phases mvasc3 mvasc1 x1r1 x0r0 isc3 isc1 r1 x1 r0 x0 scantype sequence bus2 z1 z0 z2 puz1 puz0
    puz2 basemva yearly daily duty model puzideal spectrum ${EQUIPMENT}`,
  ),
  line: list(
    `bus1 bus2 linecode length phases r1 x1 r0 x0 c1 c0 rmatrix xmatrix cmatrix switch rg xg rho geometry units spacing wires
    earthmodel cncables tscables b1 b0 seasons ratings linetype epsrmedium heightoffset heightunit conductors ${DELIVERY}`,
  ),
  transformer: TRANSFORMER,
  autotrans: TRANSFORMER,
  load: list(
    `phases bus1 kv kw pf model yearly daily duty growth conn kvar rneut xneut status class vminpu vmaxpu vminnorm vminemerg xfkva
    allocationfactor kva %mean %stddev cvrwatts cvrvars kwh kwhdays cfactor cvrcurve numcust zipv %seriesrl relweight vlowpu puxharm
    xrharm spectrum ${EQUIPMENT}`,
  ),
  reactor: list(
    `bus1 bus2 phases kvar kv conn rmatrix xmatrix parallel r x rp z1 z2 z0 z rcurve lcurve lmh ${DELIVERY}`,
  ),
  capacitor: list(
    `bus1 bus2 phases kvar kv conn cmatrix cuf r xl harm numsteps states ${DELIVERY}`,
  ),
  fuse: list(
    `monitoredobj monitoredterm switchedobj switchedterm fusecurve ratedcurrent delay action normal state ${EQUIPMENT}`,
  ),
  recloser: list(
    `monitoredobj monitoredterm switchedobj switchedterm numfast phasefast phasedelayed groundfast grounddelayed phasetrip groundtrip
    phaseinst groundinst reset shots recloseintervals delay action tdphfast tdgrfast tdphdelayed tdgrdelayed normal state ${EQUIPMENT}`,
  ),
  relay: list(
    `monitoredobj monitoredterm switchedobj switchedterm type phasecurve groundcurve phasetrip groundtrip tdphase tdground phaseinst
    groundinst reset shots recloseintervals delay overvoltcurve undervoltcurve kvbase f47%pickup f46baseamps f46%pickup f46isqt
    variable overtrip undertrip breakertime action normal state ${EQUIPMENT}`,
  ),
  swtcontrol: list(`switchedobj switchedterm action lock delay normal state reset ${EQUIPMENT}`),
  linecode: list(
    `nphases r1 x1 r0 x0 c1 c0 units rmatrix xmatrix cmatrix basefreq normamps emergamps faultrate pctperm repair kron rg xg rho
    neutral b1 b0 seasons ratings linetype like`,
  ),
  linegeometry: list(
    'nconds nphases cond wire x h units normamps emergamps reduce spacing wires like',
  ),
  linespacing: list('nconds nphases x h units like'),
  xfmrcode: list(
    `phases windings wdg conn kv kva tap %r rneut xneut conns kvs kvas taps xhl xht xlt xscarray thermal n m flrise hsrise %loadloss
    %noloadloss normhkva emerghkva maxtap mintap numtaps %imag ppm_antifloat %rs x12 x13 x23 rdcohms seasons ratings like`,
  ),
}

/** Data and controls: they change numbers and never who is joined with whom. They are counted, not kept. */
export const PASSED_OVER: ReadonlySet<string> = new Set(
  list(
    `wiredata cndata tsdata loadshape tshape priceshape xycurve growthshape tcc_curve spectrum regcontrol capcontrol energymeter monitor
    sensor invcontrol expcontrol espvlcontrol storagecontroller gendispatcher upfccontrol dynamicexp`,
  ),
)

/** The commands that this reader follows, then those that only compute or show. Each may be shortened; the first that fits is meant. */
export const FOLLOWED: readonly string[] = list(
  `new edit more redirect compile open close enable disable batchedit clear clearall buscoords latlongcoords setbusxy set cd select var`,
)
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set(
  list(
    `solve show export plot visualize help quit panel about get dump save summary voltages currents powers losses sample reset calcvoltagebases
    setkvbase makebuslist uuids formedit fileedit init obfuscate estimate allocateloads calcincmatrix closedi comparecases di_plot yearlycurves
    addbusmarker clearbusmarkers doscmd guids interpolate meterzonespars aligngfile alignfile cktlosses phaselosses seqcurrents seqpowers
    seqvoltages totals userclasses ? ysc zsc zsc10 zscrefresh buildy inimeter nodelist nodediff ssolve totalpowers relcalc pstcalc
    refine_buslevels wait solveall calca clone nextstep dumpallocation varvalues varnames lineparams connect disconnect nocmd exportoverloads
    exportvviolations zsc012 variable calclaplacian cvrtloadshapes puvoltages capacity`,
  ),
)
/** Commands that would change the circuit and are not followed. */
export const NOT_FOLLOWED: ReadonlySet<string> = new Set(
  list('rephase reduce remove reconductor distribute makeposseq tear_circuit abort rotate'),
)
