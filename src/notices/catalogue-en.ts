/**
 * What people read, in English. Plain, calm, specific: what is known, since when, from whom, and when we speak next. Times arrive as
 * words; every key stands in every language.
 */
export const CATALOGUE_EN = {
  // To a customer, about their own supply.
  'customer.lost': 'Your power is out since {since}.',
  'customer.lostUncertain': 'Your power is out since {since} or earlier.',
  'customer.lostPlanned': 'Your power is off for planned work since {since}.',
  'customer.lostAgain': 'Your power is out again since {since}.',
  'customer.back': 'Your power is back since {back}.',
  'customer.backArea': 'Power is back in your area since {back}.',
  'customer.stillDark': 'Still dark? Tell us: you may have a second fault.',
  'customer.neverOut':
    'Correction: we told you that your power was out from {lost}. That was wrong, it was on.',
  'customer.notBack':
    'Correction: we told you that your power was back at {back}. That was wrong, it is still out.',
  'customer.since': 'Correction: your power is out since {since}, not {was}.',
  'customer.times': 'Correction: your power was out from {lost} to {back}.',
  'customer.stillOut': 'Your power is still out.',
  'customer.missed': 'We said {missed} and did not make it. The estimate is being reassessed.',
  'customer.withdrawn': 'Our estimate of {was} no longer holds. It is being reassessed.',
  'customer.stillChecking': 'There is still no new estimate. We keep checking.',
  'customer.nextUpdate': 'Next update by {next}.',
  'customer.nextWhenKnown': 'We write again once there is a new one.',

  // Estimates.
  'etr.between': 'Expected back between {earliest} and {latest}, most likely {at}.',
  'etr.by': 'Expected back by {latest}, most likely {at}.',
  'etr.cautious': 'Expected back by {at}, in bad cases by {latest}.',
  'etr.byLatest': 'Expected back by {latest}.',
  'etr.at': 'Expected back about {at}.',
  'etr.none': 'No estimate yet.',
  'etr.was': 'We had said {was}.',
  'etr.reassessed': 'The estimate is being reassessed.',
  'etr.fromHistory': 'This is a first estimate, from similar outages.',
  'etr.fromRule': 'This is a first estimate.',
  'etr.fromStorm': 'Much is out at once: this is a cautious first estimate.',
  'etr.fromCrew': 'The estimate is from the crew.',
  'etr.fromDispatcher': 'The estimate is from our control room.',
  'etr.fromZone': 'Our control room gave this estimate for the whole area.',
  'etr.assessing': 'We are still assessing the storm damage in your area. No estimate yet.',

  // Crews and causes.
  'crew.assigned': 'A crew is assigned.',
  'crew.enRoute': 'A crew is on its way.',
  'crew.onSite': 'A crew is on site.',
  'crew.working': 'A crew is on site and working.',
  'crew.suspended': 'Work has paused.',
  'crew.done': 'The crew has finished.',
  'cause.is': 'Cause: {cause}.',
  'cause.equipment': 'a failure of our equipment',
  'cause.lightning': 'lightning',
  'cause.planned': 'planned work',
  'cause.powerSupply': 'loss of supply to our network',
  'cause.public': 'damage by a third party',
  'cause.vegetation': 'a tree on the line',
  'cause.weather': 'weather',
  'cause.wildlife': 'an animal on our equipment',

  // To everyone: areas and counts only.
  'public.lost': '{area}: {customers} without power since {since}.',
  'public.partly': '{area}: part of the supply is back. {customers} still without power.',
  'public.more': '{area}: {customers} now without power.',
  'public.back': '{area}: power is back since {back}.',
  'public.closed': '{area}: the outage of {since} is over and closed.',
  'public.neverOut': '{area}: correction, the outage reported for {since} did not happen.',
  'public.still': '{area}: {customers} still without power.',
  'public.corrected': '{area}: correction, {customers} without power since {since}.',
  'public.areaUnknown': 'Service area',
  'public.customers': '{count, plural, one {# customer} other {# customers}}',
  'public.customersFew': 'fewer than {count} customers',

  // Storm mode.
  'storm.declared':
    '{area}: severe weather. Until it is over we give one estimate for the whole area.',
  'storm.estimate': '{area}: severe weather, estimate for the whole area.',
  'storm.ended': '{area}: outages are estimated one by one again.',
  'storm.expiring': '{area}: the estimate {at} for the whole area passes soon.',

  // To the control room.
  'staff.lost':
    '{device} open: {count, plural, one {# customer} other {# customers}} out since {since}.',
  'staff.lostMore':
    '{device}: {count, plural, one {# more customer} other {# more customers}} out since {since}.',
  'staff.uncertain': 'It may have opened earlier.',
  'staff.lockedOut': 'Locked out.',
  'staff.partly':
    '{device}: {count, plural, one {# customer} other {# customers}} back at {back}, {out, plural, one {# still out} other {# still out}}.',
  'staff.back':
    '{device}: all {count, plural, one {# customer} other {# customers}} back at {back}.',
  'staff.closed': '{device}: outage of {since} closed.',
  'staff.corrected': '{device}: the record of the outage of {since} was corrected.',
  'staff.withdrawn': '{device}: the outage of {since} was withdrawn by a correction.',
  'staff.took': '{device}: the outage of {other} since {since} is part of this one now.',
  'staff.joined': '{device}: is part of the outage of {other} since {since} now.',
  'staff.gave': '{device}: the outage of {other} since {since} is one of its own now.',
  'staff.parted':
    '{device}: is an outage of its own now, apart from that of {other} since {since}.',
  'probable.raisedDevice':
    'Probably off below {where} since {since}: {dark, plural, one {# meter} other {# meters}} at {places, plural, one {# transformer} other {# transformers}} say so, none says that it has supply; {count, plural, one {# customer} other {# customers}} below.',
  'probable.raisedPoint':
    'Probably off at {where} since {since}: {dark, plural, one {# meter says} other {# meters say}} so; {count, plural, one {# customer} other {# customers}}.',
  'probable.confirmed': 'What was probable at {where} is an outage now.',
  'probable.regrouped': 'What was probable at {where} is seen in another connection now.',
  'probable.withdrawn': 'Nothing speaks any more for an outage at {where}.',
  'customer.probableConfirmed': 'That your power is off is confirmed. You hear what we know of it.',
  'customer.probableWithdrawn':
    'We do not think any more that your power is off. If it is, tell us.',
  'parallel.raised':
    '{both} run in parallel through {tie} since {since}, for {count, plural, one {# minute} other {# minutes}}.',
  'parallel.cleared': '{both} do not run in parallel any more; they did since {since}.',
  'parallel.sources': 'Two sources',
  'alarm.acknowledged': '{by} has acknowledged an alarm.',
  'alarm.shelved': '{by} has put an alarm aside until {until}.',
  'alarm.unshelved': '{by} has taken back an alarm that was put aside.',
  'staff.etr': '{device}: expected back {at}.',
  'staff.etrNone': '{device}: the estimate was withdrawn.',
  'staff.etrExpiring':
    '{device}: the estimate {at} passes soon, {out, plural, one {# customer} other {# customers}} still out.',
  'staff.etrPassed':
    '{device}: the estimate {at} has passed, {out, plural, one {# customer} other {# customers}} still out.',
  'staff.crew': '{device}: crew {crew}.',
  'staff.crewNone': '{device}: no crew.',
  'staff.cause': '{device}: cause {cause}.',
  'staff.deviceUnknown': 'Network change',

  // Load alarms, to whoever watches loads.
  'load.heavy': '{point}: heavily loaded since {since}, up to {percent} % of its rating.',
  'load.overload': '{point}: overloaded since {since}, up to {percent} % of its rating.',
  'load.longOverload':
    '{point}: overloaded for too long, since {since}, up to {percent} % of its rating.',
  'load.unbalance': '{point}: phases uneven by up to {percent} % since {since}.',
  'load.reverse': '{point}: power flows back since {since}, up to {percent} % of its rating.',
  'load.over': '{point}: {what} since {since} is over at {until}.',
  'load.silent': '{point}: not measured any more since {until}; {what} since {since} is closed.',
  'load.more': '{count, plural, one {# more load alarm} other {# more load alarms}}: see the list.',
  'load.acknowledged': '{point}: {what} since {since} was acknowledged.',
  'load.whatHeavy': 'heavy load',
  'load.whatOverload': 'overload',
  'load.whatLongOverload': 'long overload',
  'load.whatUnbalance': 'unbalance of the phases',
  'load.whatReverse': 'reverse flow',

  // Planned work.
  'planned.announced': 'Planned work: your power will be off from {from} to {until}.',
  'planned.reminder': 'Reminder of planned work: your power will be off from {from} to {until}.',
  'planned.changed': 'Planned work has moved: your power will be off from {from} to {until}.',
  'planned.cancelled': 'The planned work of {from} is cancelled. Your power stays on.',
  'planned.reason': 'Reason: {reason}.',
  'planned.event': 'Power off: planned work',
  'planned.public': '{area}: planned work, {customers} without power from {from} to {until}.',
  'planned.publicChanged':
    '{area}: planned work has moved, {customers} without power from {from} to {until}.',
  'planned.publicCancelled': '{area}: the planned work of {from} is cancelled.',
  'planned.staff':
    '{work}: {count, plural, one {# customer} other {# customers}} told of {from} to {until}.',
  'planned.staffCancelled':
    '{work}: {count, plural, one {# customer} other {# customers}} told that it is cancelled.',
  'reason.maintenance': 'maintenance',
  'reason.construction': 'construction',
  'reason.repair': 'repair',
  'reason.connection': 'a new connection',
  'reason.vegetation': 'cutting trees',
  'reason.inspection': 'inspection',

  // Answers to what customers tell us.
  'answer.known': 'We know: power is out there since {since}.',
  'answer.unknown': 'Thank you. We did not know of it and are looking into it.',
  'answer.unknownPoint': 'Thank you. We could not match it to our network yet; someone will look.',
  'answer.secondFault':
    'Thank you. We had your supply back since {back}. You may have a second fault; our control room is told.',
  'answer.probablyOff':
    'We think that your power is off since {since}: your meter or several neighbours say so. We have not confirmed it yet.',
  'answer.probablyStillOff':
    'Your area has power again, but your meter has been silent since {since}. We think that you may have a second fault. Tell us if you have light.',
  'answer.back': 'Thank you. Good that your power is back.',
  'answer.backNotKnown': 'Thank you. For us power is still out there; our control room is told.',
  'answer.hazard': 'Stay at least 10 m away from wires and warn others.',
  'safety.wires': 'Fallen wire? Stay at least 10 m away and call {emergency}.',
  'safety.wiresNoNumber': 'Fallen wire? Stay at least 10 m away and call the emergency number.',
  'safety.callNow': 'Call {emergency} now.',
  'safety.ours': 'Our number: {phone}.',
  'answer.checkFuse': 'If your neighbours have light, check your main switch.',
} as const

export type MessageKey = keyof typeof CATALOGUE_EN
