// IANA's TCP services, by name. Made by scripts/services.mjs.
"use strict";
let port = 0;
exports.ports = new Map(
  `
tcpmux
rje 4
echo 2
discard 2
systat 2
daytime 2
qotd 4
msp
chargen
ftp-data
ftp
ssh
telnet
smtp 2
nsw-fe 2
msg-icp 2
msg-auth 2
dsp 2
time 4
rap
rlp
graphics 2
nameserver
nicname
mpm-flags
mpm
mpm-snd
auditd 2
tacacs
re-mail-ck
xns-time 2
domain
xns-ch
isi-gl
xns-auth
xns-mail 2
acas 4
whois++
covia
tacacs-ds
sql*net
bootps
bootpc
tftp
gopher
netrjs-1
netrjs-2
netrjs-3
netrjs-4
deos 2
vettcp 2
finger
www-http
xfer 2
mit-ml-dev
ctf
mfcobol 2
kerberos 2
su-mit-tg
dnsix
mit-dov
npp
dcp
objcall
supdup
dixie
swift-rvf
tacnews
metagram
hostname 2
iso-tsap
gppitnp
acr-nema
csnet-ns
3com-tsmux
rtelnet
snagas
pop2
pop3
sunrpc
mcidas
auth
sftp 2
ansanotify
uucp-path
sqlserv
nntp
cfdptkt
erpc
smakynet
ntp
ansatrader
locus-map
nxedit
locus-con
gss-xlicen
pwdgen
cisco-fna
cisco-tna
cisco-sys
statsrv
ingres-net
epmap
profile
netbios-ns
netbios-dgm
netbios-ssn
emfis-data
emfis-cntl
bl-idm
imap
uma
uaac
iso-tp0
iso-ip
jargon
aed-512
sql-net
hems
bftp
sgmp
netsc-prod
netsc-dev
sqlsrv
knet-cmp
pcmail-srv
nss-routing
sgmp-traps
snmp
snmptrap
cmip-man
cmip-agent
xns-courier
s-net
namp
rsvd
send
print-srv
multiplex
cl/1
xyplex-mux
mailq
vmnet
genrad-mux
xdmcp
nextstep
bgp
ris
unify
audit
ocbinder
ocserver
remote-kis
kis
aci
mumps
qft
gacp
prospero
osu-nms
srmp
irc
dn6-nlm-aud
dn6-smm-red
dls
dls-mon
smux
src
at-rtmp
at-nbp
at-3
at-echo
at-5
at-zis
at-7
at-8
qmtp
z39.50
914c/g
anet
ipx
vmpwscs
softpc
cailic
dbase
mpp
uarps
imap3
fln-spx
rsh-spx
cdc
masqdialer
direct 18
sur-meas
inbusiness
link
dsp3270
subntbcst_tftp
bhfhs
set 9
esro-gen 2
openport
nsiiops
arcisdms
hdap
bgmp
x-bone-ctl
sst
td-service
td-replica
manet
pt-tls 2
http-mgmt 9
personal-link
cableport-ax
rescap
corerjd
fxp 2
k-block
tacacss 13
novastorbakcup 8
entrusttime
bhmds
asip-webadmin
vslmp
magenta-logic
opalis-robot
dpsi
decauth
zannet
pkix-timestamp
ptp-event
ptp-general
pip
rtsps
rpki-rtr
rpki-rtr-tls
texar 9
pdap 11
pawserv
zserv
fatserv
csi-sgwp
mftp
matip-type-a
bhoetty
bhoedap4
ndsauth
bh611
datex-asn
cloanto-net-1
bhevent
shrinkwrap
scoi2odialog 2
semantix
srssend
rsvp_tunnel
aurora-cmgr
dtk
odmr
mortgageware
qbikgdp
rpc2portmap
codaauth2
clearcase
ulistproc
legent-1
legent-2
hassle
nip
tnetos
dsetos
is99c
is99s
hp-collector
hp-managed-node
hp-alarm-mgr
arns
ibm-app
asa
aurp
unidata-ldm
ldap
uis
synotics-relay
synotics-broker
meta5
embl-ndt
netcp
netware-ip
mptn
kryptolan
iso-tsap-c2
osb-sd
ups
genie
decap
nced
ncld
imsp
timbuktu
prm-sm
prm-nm
decladebug
rmt
synoptics-trap
smsp
infoseek
bnet
silverplatter
onmux
hyper-g
ariel1
smpte
ariel2
ariel3
opc-job-start
opc-job-track
icad-el
smartsdp
svrloc
ocs_cmu
ocs_amu
utmpsd
utmpcd
iasd
nnsp
mobileip-agent
mobilip-mn
dna-cml
comscm
dsfgw
dasp
sgcp
decvms-sysmgt
cvc_hostd
https
snpp
microsoft-ds
ddm-rdb
ddm-dfm
ddm-ssl
as-servermap
tserver
sfs-smp-net
sfs-config
creativeserver
contentserver
creativepartnr
macon-tcp
scohelp
appleqtc
ampr-rcmd
skronk
datasurfsrv
datasurfsrvsec
alpes
kpasswd
submissions
digital-vrc
mylex-mapd
photuris
rcp
scx-proxy
mondex
ljk-login
hybrid-pop
tn-tl-w1
tcpnethaspsrv
tn-tl-fd1
ss7ns
spsc
iafserver
iafdbase
ph
bgs-nsi
ulpnet
integra-sme
powerburst
avian
saft
gss-http
nest-protocol
micom-pfs
go-login
ticf-1
ticf-2
pov-ray
intecourier
pim-rp-disc
retrospect
siam
iso-ill
isakmp
stmf
mbap
intrinsa
citadel
mailbox-lm
ohimsrv
crs
xvttp
snare
fcp
passgo
exec
login
shell
printer
videotex
talk
ntalk
utime
efs
ripng
ulp
ibm-db2
ncp
timed
tempo
stx
custix
irc-serv
courier
conference
netnews
netwall
windream
iiop
opalis-rdv
nmsp
gdomap
apertus-ldp
uucp
uucp-rlogin
commerce
klogin
kshell
appleqtcsrvr
dhcpv6-client
dhcpv6-server
afpovertcp
idfp
new-rwho
cybercash
devshr-nts
pirp
rtsp
dsf
remotefs
openvms-sysipc
sdnskmp
teedtap
rmonitor
monitor
chshell
nntps
9pfs
whoami
streettalk
banyan-rpc
ms-shuttle
ms-rome
meter
sonar 2
banyan-vip
ftp-agent
vemmi
ipcd
vnas
ipdd
decbsrv
sntp-heartbeat
bdp
scc-security
philips-vc
keyserver
password-chg 2
submission
cal
eyelink
tns-cml
http-alt
eudora-set
http-rpc-epmap
tpip
cab-protocol
smsd
ptcnameservice
sco-websrvrmg3
acp
ipcserver
syslog-conn
xmlrpc-beep
idxp
tunnel
soap-beep
urm
nqs
sift-uft
npmp-trap
npmp-local
npmp-gui
hmmp-ind
hmmp-op
sshell
sco-inetmgr
sco-sysmgr
sco-dtmgr
dei-icda
compaq-evm
sco-websrvrmgr
escp-ip
collaborator
oob-ws-http
cryptoadmin
dec_dlm
asia
passgo-tivoli
qmqp
3com-amp3
rda
ipps
bmpp
servstat
ginad
rlzdbase
ldaps
lanserver
mcns-sec
msdp
entrust-sps
repcmd
esro-emsdp
sanity
dwr
pssc
ldp
dhcp-failover
rrp
cadview-3d
obex
ieee-mms
hello-port
repscmd
aodv
tinc
spmp
rmc
tenfold
mac-srvr-admin 2
hap
pftp
purenoise
oob-ws-https
sun-dr
doom
disclose
mecomm
meregister
vacdsm-sws
vacdsm-app
vpps-qua
cimplex
acap
dctp
vpps-via
vpp
ggf-ncp
mrm
entrust-aaas
entrust-aams
xfr
corba-iiop
corba-iiop-ssl
mdc-portmapper
hcp-wismar
asipregistry
realm-rusd
nmap
vatp
msexch-routing
hyperwave-isp
connendp
ha-cluster
ieee-mms-ssl
rushd
uuidgen
olsr
accessnetwork
epp
lmp
iris-beep
elcsd 2
agentx
silc
borland-dsj
entrust-kmsh 2
entrust-ash
cisco-tdp
tbrpf
iris-xpc
iris-xpcs
iris-lwz
netviewdm1 14
netviewdm2
netviewdm3
netgw 10
netrcs
flexlm 2
fujitsu-dev 3
ris-cm
kerberos-adm
rfile
pump
qrh
rrh
tell
nlogin 4
con
ns
rxe
quotad
cycleserv
omserv
webster
phonebook 2
vid 2
cadlock
rtip
cycleserv2
submit
rpasswd
entomb
wpages
multiling-http
wpgs 3
mdbs_daemon 20
device
mbap-s
fcp-udp 8
itm-mcell-s 18
pkix-3-ca-ra
netconf-ssh
dhcp-failover2 17
gdoi
domain-s 5
dlep
iscsi 6
owamp-control
twamp-control
rsync 11
iclcnet-locate 13
iclcnet_svinfo
cddbp
omginitialrefs 12
smpnameres
ideafarm-door
ideafarm-panic
kink 7
xact-backup
apex-mesh
apex-edge
rndc 40
ftps-data 36
ftps
nas
telnets
imaps
pop3s 2
vsinet
maitrd
busboy
puprouter
cadlock2
webpush
surf 9
exp1 11
exp2
blackjack 3
cap
solid-mux 3
netinfo-local 4
activesync
mxxrlogin
nsstp
ams
mtqp
sbl
netarx
danf-ak2
afrog
boinc-client
dcutility
fpitp
wfremotertm
neod1
neod2
td-postman
cma
optima-vnet
ddt
remote-as
brvread
ansyslmd
vfo
startron
nim
nimreg
polestar
kiosk
veracity
kyoceranetdev
jstel
syscomlan
fpo-fns
instl_boots
instl_bootc
cognex-insight
gmrupdateserv
bsquare-voip
cardax
bridgecontrol
warmspotmgmt
rdrmshc
dab-sti-c
imgames
avocent-proxy
asprovatalk
socks
pvuniwien
amt-esd-prot
ansoft-lm-1
ansoft-lm-2
webobjects
cplscrambler-lg
cplscrambler-in
cplscrambler-al
ff-annunc
ff-fms
ff-sm
obrpd
proofd
rootd
nicelink
cnrprotocol
sunclustermgr
rmiactivation
rmiregistry
mctp
pt2-discover
adobeserver-1
adobeserver-2
xrl
ftranhc
isoipsigport-1
isoipsigport-2
ratio-adp
webadmstart 2
lmsocialserver
icp
ltp-deepspace
mini-sql
ardus-trns
ardus-cntl
ardus-mtrns
sacred
bnetgame
bnetfile
rmpp
availant-mgr
murray
hpvmmcontrol
hpvmmagent
hpvmmdata
kwdb-commn
saphostctrl
saphostctrls
casp
caspssl
kvm-via-ip
dfn
aplx
omnivision
hhb-gateway
trim
encrypted_admin
evm
autonoc
mxomss
edtools
imyx
fuscript
x9-icue
audit-transfer
capioverlan
elfiq-repl
bvtsonar
blaze
unizensus
winpoplanmess
c1222-acse
resacommunity
nfa
iascontrol-oms
iascontrol
dbcontrol-oms
oracle-oms
olsv
health-polling
health-trap
sddp
qsm-proxy
qsm-gui
qsm-remote
cisco-ipsla
vchat
tripwire
atc-lm
atc-appserver
dnap
d-cinema-rrp
fnet-remote-ui
dossier
indigo-server
dkmessenger
sgi-storman
b2n
mc-client
3comnetman
accelenet
llsurfup-http
llsurfup-https
catchpole
mysql-cluster
alias
hp-webadmin
unet
commlinx-avl
gpfs
caids-sensor
fiveacross
openvpn
rsf-1
netmagic
carrius-rshell
cajo-discovery
dmidi
scol
nucleus-sand
caiccipc
ssslic-mgr
ssslog-mgr
accord-mgc
anthony-data
metasage
seagull-ais
ipcd3
eoss
groove-dpp
lupa
mpc-lifenet
kazaa
scanstat-1
etebac5
hpss-ndapi
aeroflight-ads
aeroflight-ret
qt-serveradmin
sweetware-apps
nerv
tgp
vpnz
slinkysearch
stgxfws
dns2go
florence
zented
periscope
menandmice-lpm
first-defense
univ-appserver
search-agent
mosaicsyssvc1
bvcontrol
tsdos390
hacl-qs
nmsd
instantia
nessus
nmasoverip
serialgateway
isbconference1
isbconference2
payrouter
visionpyramid
hermes
mesavistaco
swldy-sias
servergraph
bspne-pcc
q55-pcc
de-noc
de-cache-query
de-server
shockwave2
opennl
opennl-voice
ibm-ssd
mpshrsv
qnts-orb
dka
prat
dssiapi
dellpwrappks
epc
propel-msgsys
watilapp
opsmgr
excw
cspmlockmgr
emc-gateway
t1distproc
ivcollector
miva-mqs 2
dellwebadmin-1
dellwebadmin-2
pictrography
healthd
emperion
productinfo
iee-qfx
neoiface
netuitive
routematch
navbuddy
jwalkserver
winjaserver
seagulllms
dsdn
pkt-krb-ipsec
cmmdriver
ehtp
dproxy
sdproxy
lpcp
hp-sci
h323hostcallsc
sftsrv 3
boomerang
pe-mike
re-conn-proto
pacmand
odsi
jtag-server
husky
rxmon
sti-envision
bmc_patroldb
pdps
els
exbit-escp
vrts-ipcserver
krb5gatekeeper
amx-icsp
amx-axbnet
novation 2
brcd
delta-mcp
dx-instrument
wimsic
ultrex
ewall
netdb-export
streetperfect
intersan
pcia-rxp-b
passwrd-policy
writesrv
digital-notary
ischat
menandmice-dns
wmc-log-svc
kjtsiteserver
naap
qubes
esbroker
re101
icap
vpjp
alta-ana-lm
bbn-mmc
bbn-mmx
sbook
editbench
equationbuilder
lotusnote
relief
xsip-network
intuitive-edge
cuillamartin
pegboard
connlcli
ftsrv
mimer
linx
timeflies
ndm-requester
ndm-server
adapt-sna
netware-csp
dcs
screencast
gv-us
us-gv
fc-cli
fc-ser
chromagrafx
molly
bytex
ibm-pps
cichlid
elan
dbreporter
telesis-licman
apple-licman
udt_os
gwha
os-licman
atex_elmd
checksum
cadsi-lm
objective-dbc
iclpv-dm
iclpv-sc
iclpv-sas
iclpv-pm
iclpv-nls
iclpv-nlc
iclpv-wsm
dvl-activemail
audio-activmail
video-activmail
cadkey-licman
cadkey-tablet
goldleaf-licman
prm-sm-np
prm-nm-np
igi-lm
ibm-res
netlabs-lm
tibet-server
sophia-lm
here-lm
hiq
af
innosys
innosys-acl
ibm-mqseries
dbstar
novell-lu6.2
timbuktu-srv1
timbuktu-srv2
timbuktu-srv3
timbuktu-srv4
gandalf-lm
autodesk-lm
essbase
hybrid
zion-lm
sais
mloadd
informatik-lm
nms
tpdu
rgtp
blueberry-lm
ms-sql-s
ms-sql-m
ibm-cics
saism
tabula
eicon-server
eicon-x25
eicon-slp
cadis-1
cadis-2
ies-lm
marcam-lm
proxima-lm
ora-lm
apri-lm
oc-lm
peport
dwf
infoman
gtegsc-lm
genie-lm
interhdl_elmd
esl-lm
dca
valisys-lm
nrcabq-lm
proshare1
proshare2
ibm_wrless_lan
world-lm
nucleus
msl_lmd
pipes
oceansoft-lm
csdmbase
csdm
aal-lm
uaiact
openmath 3
telefinder
taligent-lm
clvm-cfg
ms-sna-server
ms-sna-base
dberegister
pacerforum
airs
miteksys-lm
afs
confluent
lansource
nms_topo_serv
localinfosrvr
docstor
dmdocbroker
insitu-conf
stone-design-1 2
netmap_lm
ica
cvc
liberty-lm
rfx-lm
sybase-sqlany
fhc
vlsi-lm
saiscm
shivadiscovery
imtc-mcs
evb-elm
funkproxy
utcd
symplex
diagmond
robcad-lm
mvx-lm
3l-l1
wins
fujitsu-dtc
fujitsu-dtcns
ifor-protocol
vpad
vpac
vpvd
vpvc
atm-zip-office
ncube-lm
ricardo-lm
cichild-lm
ingreslock
prospero-np
pdap-np
tlisrv
norp
coauthor
rap-service
rap-listen
miroconnect
virtual-places
micromuse-lm
ampr-info
ampr-inter
sdsc-lm
3ds-lm
intellistor-lm
rds
rds2
gridgen-elmd
simba-cs
aspeclmd
vistium-share
abbaccuray
laplink
axon-lm
shivahose
3m-image-lm
hecmtl-db
pciarray
sna-cs
caci-lm
livelan
veritas_pbx
arbortext-lm
xingmpeg
web2host
asci-val
facilityview
pconnectmgr
cadabra-lm
pay-per-view
winddlb
corelvideo
jlicelmd
tsspmap
ets
orbixd
rdb-dbs-disp
chip-lm
itscomm-ns
mvel-lm
oraclenames
moldflow-lm
hypercube-lm
jacobus-lm
ioc-sea-lm
tn-tl-r1
mil-2045-47001
msims
simbaexpress
tn-tl-fd2
intv
ibm-abtact
pra_elmd
triquest-lm
vqp
gemini-lm
ncpm-pm
commonspace
mainsoft-lm
sixtrak
radio
radio-sm
orbplus-iiop
picknfs
simbaservices
issd
aas
inspect
picodbc
icabrowser
slp
slm-api
stt
smart-lm
isysg-lm
taurus-wh
ill
netbill-trans
netbill-keyrep
netbill-cred
netbill-auth
netbill-prod
nimrod-agent
skytelnet
xs-openstorage
faxportwinport
softdataphone
ontime
jaleosnd
udp-sr-port
svs-omagent
shockwave
t128-gateway
lontalk-norm
lontalk-urgnt
oraclenet8cman
visitview
pammratc
pammrpc
loaprobe
edb-server1
isdc
islc
ismc
cert-initiator
cert-responder
invision
isis-am
isis-ambc
saiseh
sightline
sa-msg-port
rsap
concurrent-lm
kermit
nkd
shiva_confsrvr
xnmp
alphatech-lm
stargatealerts
dec-mbadmin
dec-mbadmin-h
fujitsu-mmpdc
sixnetudr
sg-lm
skip-mc-gikreq
netview-aix-1
netview-aix-2
netview-aix-3
netview-aix-4
netview-aix-5
netview-aix-6
netview-aix-7
netview-aix-8
netview-aix-9
netview-aix-10
netview-aix-11
netview-aix-12
proshare-mc-1
proshare-mc-2
pdp
netcomm1
groupwise
prolink
darcorp-lm
microcom-sbp
sd-elmd
lanyon-lantern
ncpm-hip
snaresecure
n2nremote
cvmon
nsjtp-ctrl
nsjtp-data
firefox
ng-umds
empire-empuma
sstsys-lm
rrirtr
rrimwm
rrilwm
rrifmm
rrisat
rsvp-encap-1
rsvp-encap-2
mps-raft
l2tp
deskshare
hb-engine
bcs-broker
slingshot
jetform
vdmplay
gat-lmd
centra
impera
pptconference
registrar
conferencetalk
sesi-lm
houdini-lm
xmsg
fj-hdnet
h323gatedisc
h323gatestat
h323hostcall
caicci
hks-lm
pptp
csbphonemaster
iden-ralp
iberiagames
winddx
telindus
citynl
roketz
msiccp
proxim
siipat
cambertx-lm
privatechat
street-stream
ultimad
gamegen1
webaccess
encore
cisco-net-mgmt
3com-nsd
cinegrfx-lm
ncpm-ft
remote-winsock
ftrapid-1
ftrapid-2
oracle-em1
aspen-services
sslp
swiftnet
lofr-lm
predatar-comms
oracle-em2
ms-streaming
capfast-lmd
cnhrp
tftp-mcast
spss-lm
www-ldap-gw
cft-0
cft-1
cft-2
cft-3
cft-4
cft-5
cft-6
cft-7
bmc-net-adm
bmc-net-svc
vaultbase
essweb-gw
kmscontrol
global-dtserv
vdab
femis
powerguardian
prodigy-intrnet
pharmasoft
dpkeyserv
answersoft-lm
hp-hcip
finle-lm 2
windlm
funk-logger
funk-license
psmond
hello
ea1 2
ibm-dt-2
rsc-robot
cera-bcm
dpi-proxy
vocaltec-admin
etp 2
netrisk
ansys-lm
msmq
concomp1
hp-hcip-gwy
enl
enl-name
musiconline
fhsp
oracle-vp2
oracle-vp1
jerand-lm
scientia-sdb
radius
radius-acct
tdp-suite
mmpft
harp
rkb-oscs
etftp
plato-lm
mcagent
donnyworld
es-elmd
unisys-lm
metrics-pas
direcpc-video
ardt
asi
itm-mcell-u
optika-emedia
net8-cman
myrtle
tht-treasure
udpradio
ardusuni
ardusmul
ste-smsc
csoft1
talnet
netopia-vo1
netopia-vo2
netopia-vo3
netopia-vo4
netopia-vo5
direcpc-dll
altalink
tunstall-pnc
slp-notify
fjdocdist
alpha-sms
gsi
ctcd
virtual-time
vids-avtp
buddy-draw
fiorano-rtrsvc
fiorano-msgsvc
datacaptor
privateark
gammafetchsvr
sunscalar-svc
lecroy-vicp
mysql-cm-agent
msnp
paradym-31port
entp
swrmi
udrive
viziblebrowser
transact
sunscalar-dns
canocentral0
canocentral1
fjmpjps
fjswapsnp
westell-stats
ewcappsrv
hp-webqosdb
drmsmc
nettgain-nms
vsat-control
ibm-mqseries2
ecsqdmn
mqtt
idmaps
vrtstrapserver
leoip
filex-lport
ncconfig
unify-adapter
wilkenlistener
childkey-notif
childkey-ctrl
elad
o2server-port
b-novative-ls 2
metaagent
cymtec-port
mc2studios
ssdp
fjicl-tep-a
fjicl-tep-b
linkname
fjicl-tep-c
sugp
tpmd
intrastar
dawn
global-wlink
ultrabac
mtp
rhp-iibp
armadp
elm-momentum
facelink
persona
noagent
can-nds
can-dch
can-ferret
noadmin
tapestry
spice
xiip
discovery-port
egs
videte-cipc
emsd-port
bandwiz-system
driveappserver
amdsched
ctt-broker
xmapi
xaapi
macromedia-fcs
jetcmeserver
jwserver
jwclient
jvserver
jvclient
dic-aida
res
beeyond-media
close-combat
dialogic-elmd
tekpls
sentinelsrm
eye2eye
ismaeasdaqlive
ismaeasdaqtest
bcs-lmserver
mpnjsc
rapidbase
abr-api
abr-secure
vrtl-vmf-ds
unix-status
dxadmind
simp-all
nasmanager
bts-appserver
biap-mp
webmachine
solid-e-engine
tivoli-npm
slush
sns-quote
lipsinc
lipsinc1
netop-rc
netop-school
intersys-cache
dlsrap
drp
tcoflashagent
tcoregagent
tcoaddressbook
unisql
unisql-java
panquest-xact
p2pq
estamp
lhtp
bb
hsrp
licensedaemon
tr-rsrb-p1
tr-rsrb-p2
mshnet
stun-p1
stun-p2
ipsendmsg
snmp-tcp-port
stun-port
perf-port
tr-rsrb-port
gdp-port
x25-svc-port
tcp-id-port
cisco-sccp
dc
globe
brutus
mailbox
berknet
invokator
dectalk
conf
news
search
raid-cc
ttyinfo
raid-am
troff
cypress
bootserver
cypress-stat
terminaldb
whosockami
xinupageserver
servexec
down
xinuexpansion3
xinuexpansion4
ellpack
scrabble
shadowserver
submitserver
hsrpv6
device2
mobrien-chat
blackboard
glogger
scoremgr
imsldoc
e-dpnet
applus
objectmanager
prizma
lam
interbase
isis
isis-bcast
rimsl
cdfunc
sdfunc
dls-monitor 2
nfs
av-emb-config
epnsdp
clearvisn
lot105-ds-upd
weblogin
iop
omnisky
rich-cp
newwavesearch
bmc-messaging
teleniumdaemon
netmount
icg-swp
icg-bridge
icg-iprelay
dlsrpn
aura
dlswpn
avauthsrvprtcl
event-port
ah-esp-encap
acp-port
msync
gxs-data-port
vrtl-vmf-sa
newlixengine
newlixconfig
tsrmagt
tpcsrvr
idware-router
autodesk-nlm
kme-trap-port
infowave
radsec
sunclustergeo
ada-cip
gnunet
eli
ip-blf
sep
lrp
prp
descent3
nbx-cc
nbx-au
nbx-ser
nbx-dir
jetformpreview
dialog-port
h2250-annex-g
amiganetfs
rtcm-sc104
zephyr-srv
zephyr-clt
zephyr-hm
minipay
mzap
bintec-admin
comcam
ergolight
umsp
dsatp
idonix-metanet
hsl-storm
ariascribe
kdm
ccowcmr
mentaclient
mentaserver
gsigatekeeper
qencp
scientia-ssdb
caupc-remote
gtp-control
elatelink
lockstep
pktcable-cops
index-pc-wb
net-steward
cs-live
xds
avantageb2b
solera-epmap
zymed-zpp
avenue
gris
appworxsrv
connect
unbind-cluster
ias-auth
ias-reg
ias-admind
tdmoip
lv-jc
lv-ffx
lv-pici
lv-not
lv-auth
veritas-ucl
acptsys
dynamic3d
docent
gtp-user
ctlptc
stdptc
brdptc
trp
xnds
touchnetplus
gdbremote
apc-2160
apc-2161
navisphere
navisphere-sec
ddns-v3
x-bone-api
iwserver
raw-serial
easy-soft-mux
brain
eyetv
msfw-storage
msfw-s-storage
msfw-replica
msfw-array
airsync
rapi
qwave
bitspeer
vmrdp
mc-gt-srv
eforward
cgn-stat
cgn-config
nvd
onbase-dds
gtaua
ssmc
radware-rpm
radware-rpm-s
tivoconnect
tvbus
asdis
drwcs
mnp-exchange 4
onehome-remote
onehome-help
ats 2
imtc-map
b2-runtime
b2-license
jps
hpocbus
hpssd
hpiod
rimf-ps
noaaport
emwin
leecoposserver
kali
rpi
ipcore
vtu-comms
gotodevice
bounzza
netiq-ncap
netiq
ethernet-ip-s
ethernet/ip-1
rockwell-csp2
efi-mg
rcip-itu
di-drm
di-msg
ehome-ms
datalens
queueadm
wimaxasncp
ivs-video
infocrypt
directplay
sercomm-wlink
nani
optech-port1-lm
aviva-sna
imagequery
recipe
ivsd
foliocorp
magicom
nmsserver
hao
pc-mta-addrmap
antidotemgrsvr
ums
rfmp
remote-collab
dif-port
njenet-ssl
dtv-chan-req
seispoc
vrtp
pcc-mfp
simple-tx-rx
rcts
bid-serv
apc-2260
comotionmaster
comotionback
ecwcfg
apx500api-1
apx500api-2
mfserver
ontobroker
amt
mikey
starschool
mmcals
mmcal
mysql-im
pcttunnell
ibridge-data
ibridge-mgmt
bluectrlproxy
s3db
xmquery
lnvpoller
lnvconsole
lnvalarm
lnvstatus
lnvmaps
lnvmailmon
nas-metering
dna
netml
dict-lookup
sonus-logging
eapsp
mib-streaming
npdbgmngr
konshus-lm
advant-lm
theta-lm
d2k-datamover1
d2k-datamover2
pc-telecommute
cvmmon
cpq-wbem
binderysupport
proxy-gateway
attachmate-uts
mt-scaleserver
tappi-boxnet
pehelp
sdhelp
sdserver
sdclient
messageservice
wanscaler
iapp
cr-websystems
precise-sft
sent-lm
attachmate-g32
cadencecontrol
infolibria
siebel-ns
rdlap
ofsd
3d-nfsd
cosmocall
ansysli
idcp
xingcsm
netrix-sftm
tscchat 2
agentview
rcc-host
snapp
ace-client
ace-proxy
appleugcontrol
ideesrv
norton-lambert
3com-webview
wrs_registry
xiostatus
manage-exec
nati-logos
fcmsys
dbm
redstorm_join
redstorm_find
redstorm_info
redstorm_diag
psbserver
psrserver
pslserver
pspserver
psprserver
psdbserver
gxtelmd
unihub-server
futrix
flukeserver
nexstorindltd
tl1
digiman
mediacntrlnfsd
oi-2000
dbref
qip-login
service-ctrl
opentable
bif-p2p
l3-hbmon
lanmessenger 2
remographlm
hydra
docker
docker-s
swarm
etcd-client 2
etcd-server
compaq-https
ms-olap3
ms-olap4
sd-request
sd-data
virtualtape
vsamredirector
mynahautostart
ovsessionmgr
rsmtp
3com-net-mgmt
tacticalauth
ms-olap1
ms-olap2
lan900_remote
wusage
ncl
orbiter
fmpro-fdal
opequus-server
cvspserver
taskmaster2000
iec-104 2
trc-netpoll
jediserver
orion
railgun-webaccl
sns-protocol
vrts-registry
netwave-ap-mgmt
cdn
orion-rmi-reg
beeyond
codima-rtp
rmtserver
composit-server
cas
attachmate-s2s
dslremote-mgmt
g-talk
crmsbits
rnrp
kofax-svr
fjitsuappmgr
vcmp
mgcp-gateway
ott
ft-role
venus
venus-se
codasrv
codasrv-se
pxc-epmap
optilogic
topx
unicontrol
sybasedbsynch 2
spearway
pvsw-inet
netangel
powerclientcsf
btpp2sectrans
dtn1
bues_service
ovwdb
hpppssvr
ratl
netadmin
netchat
snifferclient
madge-ltd
indx-dds
wago-io-system
altav-remmgt
rapido-ip
griffin
xrpl
ms-theater
qadmifoper
qadmifevent
lsi-raid-mgmt
direcpc-si
lbm
lbf
high-criteria
qip-msgd
mti-tcs-comm
taskman-port
seaodbc
c3
aker-cdp
vitalanalysis
ace-server
ace-svr-prop
ssm-cvs
ssm-cssps
ssm-els
powerexchange
giop
giop-ssl
ttc
ttc-ssl
netobjects1
netobjects2
pns
moy-corp
tsilb
qip-qdhcp
conclave-cpp
groove
talarian-mqs
bmc-ar
fast-rem-serv
dirgis
quaddb
odn-castraq
rtsserv 2
rtsclient
kentrox-prot
nms-dpnss
wlbs
ppcontrol
jbroker
spock
jdatastore
fjmpss
fjappmgrbulk
metastorm
citrixima
citrixadmin
facsys-ntp
facsys-router
maincontrol
call-sig-trans
willy
globmsgsvc
pvsw
adaptecmgr
windb
qke-llc-v3
optiwave-lm
ms-v-worlds
ema-sent-lm
iqserver
ncr_ccl
utsftp
vrcommerce
ito-e-gui
ovtopmd
snifferserver
combox-web-acc
madcap
btpp2audctr1
upgrade
vnwk-prapi
vsiadmin
lonworks
lonworks2
udrawgraph
reftek
novell-zen
sis-emt
vytalvaultbrtp
vytalvaultvsmp
vytalvaultpipe
ipass
ads
isg-uda-server
call-logging
efidiningport
vcnet-link-v10
compaq-wcp
nicetec-nmsvc
nicetec-mgmt
pclemultimedia
lstp
labrat
mosaixcc
delibo
cti-redwood
hp-3000-telnet
coord-svr
pcs-pcw
clp
spamtrap
sonuscallsig
hs-port
cecsvc
ibp
trustestablish
blockade-bpsp
hl7
tclprodebugger
scipticslsrvr
rvs-isdn-dcp
mpfoncl
tributary
argis-te
argis-ds
mon
cyaserv
netx-server
netx-agent
masc
privilege
quartus-tcl
idotdist
maytagshuffle
netrek
mns-mail
dts
worldfusion1
worldfusion2
homesteadglory
citriximaclient
snapd
hpstgmgr
discp-client
discp-server
servicemeter
nsc-ccs
nsc-posa
netmon
connection
wag-service
system-monitor
versa-tek
lionhead
qpasa-agent
smntubootstrap
neveroffline
firepower
appswitch-emp
cmadmin
priority-e-com
bruce
lpsrecommender
miles-apart
metricadbc
lmdp
aria
blwnkl-port
gbjd816
moshebeeri
dict
sitaraserver
sitaramgmt
sitaradir
irdg-post
interintelli
pk-electronics
backburner
solve
imdocsvc
sybaseanywhere
aminet
ami-control
hdl-srv
tragic
gte-samp
travsoft-ipx-t
novell-ipx-cmd
and-lm
syncserver
upsnotifyprot
vpsipport
eristwoguns
ebinsite
interpathpanel
sonus
corel_vncadmin
unglue
kana
sns-dispatcher
sns-admin
sns-query
gcmonitor
olhost
bintec-capi
bintec-tapi
patrol-mq-gm
patrol-mq-nm
extensis
alarm-clock-s
alarm-clock-c
toad
tve-announce
newlixreg
nhserver
firstcall42
ewnn
ttc-etap
simslink
gadgetgate1way
gadgetgate2way
syncserverssl
pxc-sapxom
mpnjsomb
ncdloadbalance 2
mpnjsosv
mpnjsocl
mpnjsomg
pq-lic-mgmt
md-cg-http
fastlynx
hp-nnm-data
itinternet
admins-lms
pwrsevent 2
vspread
unifyadmin
oce-snmp-trap
mck-ivpip
csoft-plusclnt
tqdata
sms-rcinfo
sms-xfer
sms-chat
sms-remctrl
sds-admin
ncdmirroring
emcsymapiport
banyan-net
supermon
sso-service
sso-control
aocp
raventbs
raventdm
hpstgmgr2
inova-ip-disco
pn-requester
pn-requester2
scan-change
wkars
smart-diagnose
proactivesrvr
watchdog-nt
qotps
msolap-ptp2
tams
mgcp-callagent
sqdr
tcim-control
nec-raidplus
fyre-messanger
g5m
signet-ctf
ccs-software
netiq-mc
radwiz-nms-srv
srp-feedback
ndl-tcp-ois-gw
tn-timing
alarm
tsb
tsb2
murx
honyaku
urbisnet
cpudpencap
fjippol-swrly
fjippol-polsvr
fjippol-cnsl
fjippol-port1
fjippol-port2
rsisysaccess
de-spot
apollo-cc
expresspay
simplement-tie
cnrp
apollo-status
apollo-gms
sabams
dicom-iscl
dicom-tls
desktop-dna
data-insurance
qip-audup
compaq-scp
uadtc
uacs
exce
veronica
vergencecm
auris
rbakcup1
rbakcup2
smpp
ridgeway1
ridgeway2
gwen-sonya
lbc-sync
lbc-control
whosells
everydayrc
aises
www-dev
aic-np
aic-oncrpc
piccolo
fryeserv
media-agent
plgproxy
mtport-regist
f5-globalsite
initlsmsad
urp
livestats
ac-tech
esp-encap
tmesis-upshot
icon-discover
acc-raid
igcp
veritas-tcp1
btprjctrl
dvr-esm
wta-wsp-s
cspuni
cspmulti
j-lan-p
corbaloc
netsteward
gsiftp
atmtcp
llm-pass
llm-csv
lbc-measure
lbc-watchdog
nmsigport
rmlnk
fc-faultnotify
univision
vrts-at-port
ka0wuc
cqg-netlan
cqg-netlan-1
slc-systemlog 2
slc-ctrlrloops
itm-lm
silkp1
silkp2
silkp3
silkp4
glishd
evtp
evtp-data
catalyst
repliweb
starbot
l3-exprt 2
l3-ranger
l3-hawk
pdnet
bpcp-poll
bpcp-trap
aimpp-hello
aimpp-port-req
amt-blc-port
metaconsole 2
webemshttp
bears-01
ispipes
infomover
msrp
cesdinv
simctlp
ecnp
activememory
dialpad-voice1
dialpad-voice2
ttg-protocol
sonardata
astronova-main
pit-vpn
iwlistener
esps-portal
npep-messaging
icslap
daishi
msi-selectplay
radix
psrt
dxmessagebase1
dxmessagebase2
sps-tunnel
bluelance
aap
ucentric-ds
synapse
ndsp
ndtp
ndnp
flashmsg
topflow
responselogic
aironetddp
spcsdlobby
rsom
cspclmulti
cinegrfx-elmd
snifferdata
vseconnector
abacus-remote
natuslink
ecovisiong6-1
citrix-rtmp
appliance-cfg
powergemplus
quicksuite
allstorcns
netaspi
suitcase
m2ua
m3ua
caller9
webmethods-b2b
mao
funk-dialout
tdaccess
blockade
epicon
boosterware
gamelobby
tksocket
elvin_server
elvin_client
kastenchasepad
roboer
roboeda
cesdcdman
cesdcdtrn
wta-wsp-wtp-s
precise-vip
mobile-file-dl 2
unimobilectrl
redstone-cpss
amx-webadmin
amx-weblinx
circle-x
incp
4-tieropmgw
4-tieropmcli
qtp
otpatch
pnaconsult-lm
sm-pas-1
sm-pas-2
sm-pas-3
sm-pas-4
sm-pas-5
ttnrepository
megaco-h248
h248-binary
fjsvmpor
gpsd
wap-push
wap-pushsecure
esip
ottp
mpfwsas
ovalarmsrv
ovalarmsrv-cmd
csnotify
ovrimosdbman
jmact5
jmact6
rmopagt
dfoxserver
boldsoft-lm
iph-policy-cli
iph-policy-adm
bullant-srap
bullant-rap
idp-infotrieve
ssc-agent
enpp
essp
index-net
netclip
pmsm-webrctl
svnetworks
signal
fjmpcm
cns-srv-port
ttc-etap-ns
ttc-etap-ds
h263-video
wimd
mylxamport
iwb-whiteboard
netplan
hpidsadmin
hpidsagent
stonefalls
identify
hippad
zarkov
boscap
wkstn-mon
avenyo
veritas-vis1
veritas-vis2
idrs
vsixml
rebol
realsecure
remoteware-un
remoteware-cl
origo-native
remoteware-srv
cgms
csoftragent
geniuslm
ii-admin
lotusmtap
midnight-tech
pxc-ntfy
gw
trusted-web
twsdss
gilatskysurfer
broker_service
nati-dstp
notify_srvr
event_listener
srvc_registry
resource_mgr
cifs
agriserver
csregagent
magicnotes
nds_sso
arepa-raft
agri-gateway
liebdevmgmt_c
liebdevmgmt_dm
liebdevmgmt_a
arepa-cas
eppc
redwood-chat
pdb
osmosis-aeea
fjsv-gssagt
hagel-dump
hp-san-mgmt
santak-ups
cogitate
tomato-springs
di-traceware
journee
brp
responsenet 2
di-ase
hlserver
pctrader
nsws
gds_db
galaxy-server
apc-3052
dsom-server
amt-cnf-prot
policyserver
cdl-server
goahead-fldup
videobeans
qsoft
interserver
cautcpd
ncacn-ip-tcp
ncadg-ip-udp
rprt
slinterbase
netattachsdmp
fjhpjp
ls3bcast
ls3
mgxswitch
xplat-replicate
csd-monitor
vcrp
xbox
orbix-locator
orbix-config
orbix-loc-ssl
orbix-cfg-ssl
lv-frontpanel
stm_pproc
tl1-lv
tl1-raw
tl1-telnet
itm-mccs
pcihreq
jdl-dbkitchen
asoki-sma
xdtp
ptk-alink
stss
1ci-smcs
rapidmq-center 2
rapidmq-reg
panasas
ndl-aps
umm-port 2
chmd
opcon-xps
hp-pxpib
slslavemon
autocuesmi
autocuelog
cardbox
cardbox-http
business
geolocate
personnel
sim-control
wsynch
ksysguard
cs-auth-svr
ccmad
mctet-master
mctet-gateway
mctet-jserv
pkagent
d2000kernel
d2000webserver
pcmk-remote
vtr-emulator
edix
beacon-port
a13-an
ctx-bridge 2
ndl-aas
netport-id
icpv2
netbookmark
ms-rule-engine
prism-deploy
ecp
peerbook-port
grubd
rtnt-1
rtnt-2
incognitorv
ariliamulti
vmodem
rdc-wh-eos
seaview
tarantella
csi-lfap
bears-02
rfio
nm-game-admin
nm-game-server
nm-asses-admin
nm-assessor
feitianrockey
s8-client-port
ccmrmi
jpegmpeg
indura
lsa-comm
stvp
navegaweb-port
tip-app-server
doc1lm
sflm
res-sap
imprs
newgenpay
sossecollector
nowcontact
poweronnud
serverview-as
serverview-asn
serverview-gf
serverview-rm
serverview-icc
armi-server
t1-e1-over-ip
ars-master
phonex-port
radclientport
h2gf-w-2m
mc-brk-srv
bmcpatrolagent
bmcpatrolrnvu
cops-tls
apogeex-port
smpppd
iiw-port
odi-port
brcm-comm-port
pcle-infex
csvr-proxy
csvr-sslproxy
firemonrcc
spandataport
magbind
ncu-1
ncu-2
embrace-dp-s
embrace-dp-c
dmod-workspace
tick-port
cpq-tasksmart
intraintra
netwatcher-mon
netwatcher-db
isns
ironmail
vx-auth-port
pfu-prcallback
netwkpathengine
flamenco-proxy
avsecuremgmt
surveyinst
neon24x7
jmq-daemon-1
jmq-daemon-2
ferrari-foam
unite
smartpackets
wms-messenger
xnm-ssl
xnm-clear-text
glbp
digivote
aes-discovery
fcip-port
isi-irp
dwnmshttp
dwmsgserver
global-cd-port
sftdst-port
vidigo
mdtp
whisker
alchemy
mdap-port
apparenet-ts
apparenet-tps
apparenet-as
apparenet-ui
triomotion
sysorb
sdp-id-port
timelot
onesaf
vieo-fe
dvt-system
dvt-data
procos-lm
ssp
hicp
sysscanner
dhe
pda-data
pda-sys
semaphore
cpqrpm-agent
cpqrpm-server
ivecon-port
epncdp2
iscsi-target
winshadow
necp
ecolor-imager
ccmail
altav-tunnel
ns-cfg-server
ibm-dial-out
msft-gc
msft-gc-ssl
verismart
csoft-prev
user-manager
sxmp
ordinox-server
samd
maxim-asics
awg-proxy
lkcmserver
admind
vs-server
sysopt
datusorb
net-assistant
4talk
plato
e-net
directvdata
cops
enpc
caps-lm
sah-lm
cart-o-rama
fg-fps
fg-gip
dyniplookup
rib-slm
cytel-lm
deskview
pdrncs
ceph
tarantool
mcs-fastmail
opsession-clnt
opsession-srvr
odette-ftp
mysql
opsession-prxy
tns-server
tns-adv
dyna-access
mcns-tel-ret
appman-server
uorb
uohost
cdid
aicc-cmi
vsaiport
ssrip
sdt-lmd
officelink2000
vnsstr
sftu 5
bbars
egptlm
hp-device-disc
mcs-calypsoicf
mcs-messaging
mcs-mailsvr
dec-notes
directv-web
directv-soft
directv-tick
directv-catlg
anet-b
anet-l
anet-m
anet-h
webtie
ms-cluster-net
bnt-manager
influence
trnsprntproxy
phoenix-rpc
pangolin-laser
chevinservices
findviatv
btrieve
ssql
fatpipe
suitjd
ordinox-dbase
upnotifyps
adtech-test
mpsysrmsvr
wg-netforce
kv-server
kv-agent
dj-ilm
nati-vi-server
tip2 9
lavenir-lm
cluster-disc
vsnm-agent
cdbroker
cogsys-lm
wsicopy
socorfs
sns-channels
geneous
fujitsu-neat
esp-lm
hp-clic
qnxnetman
gprs-data
backroomnet
cbserver
ms-wbt-server
dsc
savant
efi-lm
d2k-tapestry1
d2k-tapestry2
dyna-lm
printer_agent
cloanto-lm
mercantile
csms
csms2
filecast
fxaengine-net
nokia-ann-ch1 3
nokia-ann-ch2
ldap-admin
besapi
networklens
networklenss
biolink-auth
xmlblaster
svnet
wip-port
bcinameservice
commandport
csvr
rnmap
softaudit
ifcp-port
bmap
rusb-sys-port
xtrm
xtrms
agps-port
arkivio
websphere-snmp
twcss
gcsp
ssdispatch
ndl-als
osdcp
opnet-smp
opencm
pacom
gc-config
autocueds
spiral-admin
hri-port
ans-console
connect-client
connect-server
ov-nnm-websrv
denali-server
monp
3comfaxrpc
directnet
dnc-port
hotu-chat
castorproxy
asam
sabp-signal
pscupd
mira
prsvp
vat
vat-control
d3winosfi
integral
edm-manager
edm-stager
edm-std-notify
edm-adm-notify
edm-mgr-sync
edm-mgr-cntrl
workflow
rcst
ttcmremotectrl
pluribus
jt400
jt400-ssl
jaugsremotec-1
jaugsremotec-2
ttntspauto
genisar-port
nppmp
ecomm
stun-behavior
twrpc
plethora
cleanerliverc
vulture
slim-devices
gbs-stp
celatalk
ifsf-hb-port
ltctcp
fs-rh-srv
dtp-dia
colubris
swr-port
tvdumtray-port
nut
ibm3494
seclayer-tcp
seclayer-tls
ipether232port
dashpas-port
sccip-media
rtmp-port
isoft-p2p
avinstalldisc
lsp-ping
ironstorm
ccmcomm
apc-3506
nesh-broker
interactionweb
vt-ssl
xss-port
webmail-2
aztec
arcpd
must-p2p
must-backplane
smartcard-port
802-11-iapp
artifact-msg
nvmsgd
galileolog
mc3ss
nssocketport
odeumservlink
ecmport
eisport
starquiz-port
beserver-msg-q
jboss-iiop
jboss-iiop-ssl
gf
joltid
raven-rmp
raven-rdp
urld-port
ms-la
snac
ni-visa-remote
ibm-diradm
ibm-diradm-ssl
pnrp-port
voispeed-port
hacl-monitor
qftest-lookup
teredo
camac
symantec-sim 2
interworld
tellumat-nms
ssmpp
apcupsd
taserver
rbr-discovery
questnotify
razor
sky-transport
personalos-001
mcp-port
cctv-port
iniserve-port
bmc-onekey
sdbproxy
watcomdebug
esimport
m2pa
quest-data-hub
dof-eps
dof-tunnel-sec
mbg-ctrl
mccwebsvr-port
megardsvr-port
megaregsvrport
tag-ups-1
dmaf-server
ccm-port
cmc-port
config-port
data-port
ttat3lb
nati-svrloc
kfxaclicensing
press
canex-watch
u-dbap
emprise-lls
emprise-lsc
p2pgroup
sentinel
isomair
wv-csp-sms
gtrack-server
gtrack-ne
bpmd
mediaspace
shareapp
iw-mmogame
a14
a15
quasar-server
trap-daemon
visinet-gui
infiniswitchcl
int-rcv-cntrl
bmc-jmx-port
comcam-io
splitlock
precise-i3
trendchip-dcp
cpdi-pidas-cm
echonet
six-degrees
dataprotector
alaris-disc
sigma-port
start-network
cd3o-protocol
sharp-server
aairnet-1
aairnet-2
ep-pcp
ep-nsp
ff-lr-port
haipe-discover
dist-upgrade
volley
bvcdaemon-port
jamserverport
ept-machine
escvpnet
cs-remote-db
cs-services
distcc
wacp
hlibmgr
sdo
servistaitsm
scservp
ehp-backup
xap-ha
netplay-port1
netplay-port2
juxml-port
audiojuggler
ssowatch
cyc
xss-srv-port
splitlock-gw
fjcp
nmmp
prismiq-plugin
xrpc-registry
vxcrnbuport
tsp
vaprtm
abatemgr
abatjss
immedianet-bcn
ps-ams
apple-sasl
can-nds-ssl
can-ferret-ssl
pserver
dtp
ups-engine
ent-engine
eserver-pap
infoexch
dell-rm-port
casanswmgmt
smile
efcp
lispworks-orb
mediavault-gui
wininstall-ipc
calltrax
va-pacbase
roverlog
ipr-dglt
newton-dock
npds-tracker
bts-x73
cas-mapi
bmc-ea
faxstfx-port
dsx-agent
tnmpv2
simple-push
simple-push-s
daap
svn
magaya-network
intelsync
easl
bmc-data-coll 2
telnetcpcd
nw-license
sagectlpanel
kpn-icw
lrs-paging
netcelera
ws-discovery
adobeserver-3
adobeserver-4
adobeserver-5
rt-event
rt-event-s
sun-as-iiops
ca-idms
portgate-auth
edb-server2
sentinel-ent
tftps
delos-dms
anoto-rendezv
wv-csp-sms-cir
wv-csp-udp-cir
opus-services
itelserverport
ufastro-instr
xsync
xserveraid
sychrond
blizwow
na-er-tip
array-manager
e-mdu
e-woa
fksp-audit
client-ctrl
smap
m-wnn
multip-msg
synel-data
pwdis
rs-rmi
xpanel
versatalk
launchbird-lm
heartbeat
wysdma
cst-port
ipcs-command
sasg
gw-call-port
linktest
linktest-s
webdata
cimtrak
cbos-ip-port
gprs-cube
vipremoteagent
nattyserver
timestenbroker
sas-remote-hlp
canon-capt
grf-port
apw-registry
exapt-lmgr
adtempusclient
gsakmp
gbs-smp
xo-wave
mni-prot-rout
rtraceroute
sitewatch-s
listmgr-port
rblcheckd
haipe-otnk
cindycollab
paging-port
ctp
ctdhercules
zicom
ispmmgr
dvcprov-port
jibe-eb
c-h-it-port
cognima
nnp
abcvoice-port
iso-tp0s
bim-pem
bfd-control
bfd-echo
upstriggervsw
fintrx
isrp-port
remotedeploy
quickbooksrds
tvnetworkvideo
sitewatch
dcsoftware
jaus
myblast
spw-dialer
idps
minilock
radius-dynauth
pwgpsi
ibm-mgr
vhd
soniqsync
iqnet-port
tcpdataserver
wsmlb
spugna
sun-as-iiops-ca
apocd
wlanauth
amp
neto-wol-server
rap-ip
neto-dcs
lansurveyorxml
sunlps-http
tapeware
crinis-hb
epl-slp
scp
pmcp
acp-discovery
acp-conduit
acp-policy
ffserver
warmux
netmpi
neteh
neteh-ext
cernsysmgmtagt
dvapps
xxnetserver
aipn-auth
spectardata
spectardb
markem-dcp
mkm-discovery
sos
amx-rms
flirtmitmir
shiprush-db-svr
nhci
quest-agent
rnm
v-one-spp
an-pcp
msfw-control
item
spw-dnspreload
qtms-bootstrap
spectraport
sse-app-config
sscan
stryker-com
opentrac
informer
trap-port
trap-port-mom
nav-port
sasp
winshadow-hd
giga-pocket
asap-tcp
asap-tcp-tls
xpl
dzdaemon
dzoglserver
diameter
ovsam-mgmt
ovsam-d-agent
avocent-adsap
oem-agent
fagordnc
sixxsconfig
pnbscada
dl_agent
xmpcr-interface
fotogcad
appss-lm
igrs
idac
msdts1
vrpn
softrack-meter
topflow-ssl
nei-management
ciphire-data
ciphire-serv
dandv-tester
ndsconnect
rtc-pm-port
pcc-image-port
cgi-starapi
syam-agent
syam-smc
sdo-tls
sdo-ssh
senip
itv-control
nimsh 2
nimaux
charsetmgr
omnilink-port
mupdate
topovista-data
imoguia-port
hppronetman
surfcontrolcpa
prnrequest
prnstatus
gbmt-stars
listcrt-port
listcrt-port-2
agcat
wysdmc
aftmux
pktcablemmcops
hyperip
exasoftport1
herodotus-net
sor-update
symb-sb-port
mpl-gprs-port
zmp
winport
natdataservice
netboot-pxe
smauth-port
syam-webserver
msr-plugin-port
dyn-site
plbserve-port
sunfm-port
sdp-portmapper
mailprox
dvbservdsc
dbcontrol_agent
aamp
xecp-node
homeportal-web
srdp
tig
sops
emcads
backupedge
ccp
apdap
drip
namemunge
pwgippfax
i3-sessionmgr
xmlink-connect
adrep
p2pcommunity
gvcp
mqe-broker
mqe-agent
treehopper
bess
proaxess
sbi-agent
thrp
sasggprs
ati-ip-to-ncpe
bflckmgr
ppsms
ianywhere-dbns
landmarks
lanrevagent
lanrevserver
iconp
progistics
xk22
airshot
opswagent
opswmanager
secure-cfg-svr
smwan
starfish 2
eis
eisp
mapper-nodemgr
mapper-mapethd
mapper-ws_ethd
centerline
dcs-config
bv-queryengine
bv-is
bv-smcsrv
bv-ds
bv-agent
iss-mgmt-ssl 2
abcsoftware
agentsease-db
dnx
nvcnet
terabase
newoak
pxc-spvr-ft
pxc-splr-ft
pxc-roid
pxc-pin
pxc-spvr
pxc-splr
netcheque
chimera-hwm
samsung-unidex
altserviceboot
pda-gate
acl-manager
taiclock
talarian-mcast1
talarian-mcast2
talarian-mcast3
talarian-mcast4
talarian-mcast5
trap
nexus-portal
dnox
esnm-zoning
tnp1-port
partimage
as-debug
bxp
dtserver-port
ip-qsig
jdmn-port
suucp
vrts-auth-port
sanavigator
ubxd
wap-push-http
wap-push-https
ravehd
fazzt-ptp
fazzt-admin
yo-main
houston
ldxp
nirp
ltp
acp-proto 2
ctp-state
wafs 2
cisco-wafs
cppdp
interact
ccu-comm-1
ccu-comm-2
ccu-comm-3
lms
wfm
kingfisher
dlms-cosem
dsmeter_iatc
ice-location
ice-slocation
ice-router
ice-srouter
avanti_cdp
pmas
idp
ipfltbcst
minger
tripe
aibkup
zieto-sock
irapp
cequint-cityid
perimlan
seraph
cssp 2
santools
lorica-in
lorica-in-sec
lorica-out
lorica-out-sec
ezmessagesrv 2
applusservice 2
npsp
opencore
omasgport
ewinstaller
ewdgs
pvxpluscs
sysrqd
xtgui
bre
patrolview
drmsfsd
dpcp
igo-incognito
brlp-0
brlp-1
brlp-2
brlp-3
shofar
synchronite
j-ac
accel
izm
g2tag
xgrid
apple-vpns-rp
aipn-reg
jomamqmonitor
cds
smartcard-tls
hillrserv
netscript
assuria-slm
minirem
e-builder
fprams
z-wave
tigv2
opsview-envoy
ddrepl
unikeypro
nufw
nuauth
fronet
stars
nuts_dem
nuts_bootp
nifty-hmi
cl-db-attach
cl-db-request
cl-db-remote
nettest
thrtx
cedros_fds
oirtgsvc
oidocsvc
oidsr
vvr-control 2
tgcconnect
vrxpservman
hhb-handheld
agslb
poweralert-nsa
menandmice_noh
idig_mux
mbl-battd
atlinks
bzr
stat-results
stat-scanner
stat-cc
nss
jini-discovery
omscontact
omstopology
silverpeakpeer
silverpeakcomm
altcp
joost
ddgn
pslicser
iadt
d-cinema-csp
ml-svnet
pcoip
smcluster 2
bccp
tl-ipcproxy
wello
storman
maxumsp
httpx
macbak
pcptcpservice
cyborgnet
universe_suite
wcpp
boxbackupstore
csc_proxy
vatata
pcep
sieve
azeti 2
pvxplusio
spdm
aws-wsp
hctl 2
eims-admin 2
corelccam 101
d-data
d-data-control
srcp
owserver
batman
pinghgl
trueconf
compx-lockview
dserver
mirrtex
p6ssmc
pscl-mgt
perrla
choiceview-agt
choiceview-clt 2
opentelemetry
skytale 2
fdt-rcatp
rwhois
trim-event
trim-ice
geognosisadmin 2
geognosis
jaxer-web
jaxer-manager
publiqare-sync
dey-sapi
ktickets-rest
getty-focus
ahsp
netconf-ch-ssh
netconf-ch-tls
restconf-ch-tls
gaia 4
unicall 3
vinainstall
m4-network-as
elanlm
lansurveyor
itose
fsportmap
net-device
plcy-net-svcs
pjlink
f5-iquery
qsnet-trans
qsnet-workst
qsnet-assist
qsnet-cond
qsnet-nucl
omabcastltkm
matrix_vnet
wxbrief 8
epmd
elpro_tunnel
l2c-control
l2c-data
remctl
psi-ptt
tolteces
bip
cp-spxsvr
cp-spxdpy
ctdb
xandros-cms 10
wiegand
apwi-imserver
apwi-rxserver
apwi-rxspooler
omnivisionesx 2
fly
ds-srv 4
ds-srvr
ds-clnt
ds-user
ds-admin
ds-mail
ds-slp
nacagent
slscc
netcabinet-com
itwo-server
found
vision-mon 2
updog
brcd-vr-req
pjj-player
workflowdir
cbp 2
nvme
scaleft
tsepisp
thingkit
netrockey6 2
beacon-port-2
drizzle
omviserver
omviagent
rsqlserver
wspipe
l-acoustics
vop
saris 9
pharos
nv-video
upnotifyp
n1-fwp
n1-rmgmt
asc-slmd
privatewire
camp
ctisystemmsg
ctiprogramload
nssalertmgr
nssagentmgr
prchat-user
prchat-server
prregister
mcp
ntske 2
agtp 20
hpssmgmt 4
assyst-dr
icms
prex-tcp
awacs-ice
ipsec-nat-t 12
ehs 35
ehs-ssl
wssauthsvc
swx-gate
worldscores 7
sf-lm
lanner-lm
synchromesh
aegate
gds-adppiw-db
ieee-mih
menandmice-mon
icshostsvc
msfrs
rsip
dtn-bundle
hylafax 3
amahi-anywhere 4
kwtc 3
tram
bmc-reporting
iax
deploymentmap
cardifftec-back 3
rid 17
l3t-at-an
ipt-anri-anri 2
ias-session
ias-paging
ias-neighbor
a21-an-1xbs
a16-an-an
a17-an-an
piranha1
piranha2
mtsserver
menandmice-upg
irp
sixchat
sixid
dots-signal 40
playsta2-app 12
playsta2-lob
smaclmgr
kar2ouche
oms
noteit
ems
contclientms
eportcomm
mmacomm
mmaeds
eportcommdata
light
acter
rfa
cxws
appiq-mgmt
dhct-status
dhct-alerts
bcs
traversal
mgesupervision
mgemanagement
parliant
finisar
spike
rfid-rp1
autopac
msp-os
nst
mobile-p2p
altovacentral
prelude
mtn
conspiracy
netxms-agent 8
netxms-mgmt
netxms-sync
npqes-test
assuria-ins
trinity-dist 7
truckstar 14
fcis 2
capmux
gearman 2
remcap
resorcs 2
ipdr-sp 4
solera-lpn
ipfix
ipfixs
lumimgrd
sicct
openhpid
ifsp
fmp
profilemac 4
ssad
spocp
snap
simon
rdcenter 3
converge 18
bfd-multi-ctl 10
smart-install 2
sia-ctrl-plane
xmcp
unified-bus 4
iims 8
iwec
ilss
notateit
htcp 24
varadero-0 10
varadero-1
varadero-2
opcua-tcp
quosa
gw-asv
opcua-tls
gw-log
wcr-remlib
contamac_icm
wfc
appserv-http
appserv-https
sun-as-nodeagt
derby-repli
unify-debug 16
phrelay
phrelaydbg
cc-tracking
wired
tritium-can 5
lmcs
wsdl-event 2
hislip
wmlserver 3
hivestor
abbs
xcap-portal 3
xcap-control
lyskom 5
radmin-port 5
hfcs
flr_agent
magiccontrol
lutap 10
lutcp
bones
frcs
eq-office-4940 25
eq-office-4941
eq-office-4942
munin 7
sybasesrvmon
pwgwims
sagxtsds
dbsyncarbiter
ccss-qmm 16
ccss-qsm
burp
webyast 13
gerhcs
mrip
smar-se-port1
smar-se-port2
parallel
busycal
vrt
hfcs-manager 8
commplex-main
commplex-link
rfe
fmpro-internal
avt-profile-1
avt-profile-2
wsm-server
wsm-server-ssl
synapsis-edge
winfs
telelpathstart
telelpathattack
nsp
fmpro-v6
fmwp 2
zenginkyo-1 5
zenginkyo-2
mice
htuilsrv
scpi-telnet
scpi-raw
strexec-d
strexec-s
qvr
infobright
signacert-agent 3
jtnetd-server
jtnetd-status
asnaacceler8db 8
swxadmin
lxi-evntsvc
osp
texai 3
ivocalize
mmcc
ita-agent
ita-manager
rlm
rlm-admin
unot
intecom-ps1
intecom-ps2
sds 2
sip
sips
na-localise
csrpc
ca-1
ca-2
stanag-5066
authentx
bitforestsrv
i-net-2000-npr
vtsas
powerschool
ayiya
tag-pm
alesquery
pvaccess
onscreen 5
sdl-ets
qcp
qfp
llrp
encrypted-llrp
aprigo-cs
biotic
sentinel-lm 6
hart-ip
sentlm-srv2srv 5
socalia
talarian-tcp
oms-nonsecure
actifio-c2c
actifioudsagent 3
actifioreplic
taep-as-svc 4
pm-cmdsvr
ev-services 2
autobuild
gradecam 2
barracuda-bbs 3
nbt-pc 13
ppactivation
erp-scale
ctsd 2
rmonitor_secure 8
social-alarm
atmp 4
esri_sde
sde-discovery
bzflag 2
asctrl-agent
rugameonline
mediat
snmpssh 4
snmpssh-trap
sbackup
vpa
ife_icorp
winpcs
scte104
scte30
pcoip-mgmt 4
aol 18
aol-1
aol-2
aol-3
cpscomm
ampl-lic
ampl-tableproxy
tunstall-lwp
targus-getdata 3
targus-getdata1
targus-getdata2
targus-getdata3
nomad 6
noteza 6
3exmp 6
xmpp-client
hpvirtgrp
hpvirtctrl
hp-server
hp-status
perfd
hpvroom
jaxflow
jaxflow-data
crusecontrol
csedaemon
enfs
eenet
galaxy-network
padl2sim
mnet-discovery
attune 5
xycstatus
downtools 2
caacws 3
caaclang2
soagateway
caevms
movaz-ssc
kpdp
logcabin
3com-njack-1 10
3com-njack-2
xmpp-server 4
cartographerxmp
cuelink
pk
xmpp-bosh 8
undo-lm
transmit-port
presence 16
nlg-data
hacl-hb
hacl-gs
hacl-cfg
hacl-probe
hacl-local
hacl-test
sun-mc-grp
sco-aip
cfengine
jprinter
outlaws
permabit-cs 2
rrdp
opalis-rbt-ipc
hacl-poll
hpbladems
hpdevms
pkix-cmc
roughtime
bsfserver-zn
bsfsvr-zn-ssl
kfserver 22
xkotodrcp
stun-behaviors 5
dns-llq 3
mdns
mdnsresponder
llmnr
ms-smlbiz
wsdapi
wsdapi-s
ms-alerter
ms-sideshow
ms-s-sideshow
serverwsd2
net-projection
stresstester 34
elektron-admin
securitychase
excerpt
excerpts
hpoms-ci-lstn 2
hpoms-dps-lstn
netsupport
systemics-sox
foresyte-clear
foresyte-sec
salient-dtasrv
salient-usrmgr
actnet
continuus
wwiotalk
statusd
ns-server
sns-gateway
sns-agent
mcntp
dj-ice
cylink-c
netsupport2
salient-mux
virtualuser
beyond-remote
br-channel
devbasic
sco-peer-tta
telaconsole
base
radec-corp
park-agent
postgresql
pyrrho
sgi-arrayd
sceanics
spss 8
smbdirect 2
tiepie 5
surebox 3
apc-5454
apc-5455
apc-5456
silkmeter 5
ttl-publisher
ttlpriceproxy
quailnet
netops-broker
apsolab-col 5
apsolab-cols
apsolab-tag
apsolab-tags
apsolab-data 2
fcp-addr-srvr1 25
fcp-addr-srvr2
fcp-srvr-inst1
fcp-srvr-inst2
fcp-cics-gw1
checkoutdb
amc
psl-management
matter 33
qftest-lic-mcp 3
cbus 7
sgi-eventmond 3
sgi-esphttp
personal-agent
freeciv
farenet
dp-bura 8
westec-connect
dof-dps-mc-sec
sdt
rdmnet-ctrl
sdmmp 4
lsi-bobcat
ora-oap
fdtracks 4
tmosms0
tmosms1
fac-restore
tmo-icon-sync
bis-web
bis-sync
att-mt-sms
ininmessaging 11
mctfeed
esinstall
esmmanager
esmagent
a1-msc
a1-bs
a3-sdunode
a4-sdunode
efr 13
ninaf 9
htrust
symantec-sfdb
precise-comm
pcanywheredata
pcanywherestat
beorl
xprtld
sfmsso
sfm-db-server
cssc
flcrs
ics
vfmobile 7
nrpe 20
filemq 4
amqps
amqp
jms
hyperscsi-port
v5ua
raadmin
questdb2-lnchr
rrac
dccm
auriga-router
ncxcp
coap 2
coaps
ggz 4
qmvideo
rbsystem 4
kmip 3
supportassist 4
storageos 5
proshareaudio 8
prosharevideo
prosharedata
prosharerequest
prosharenotify
dpm
dpm-agent
ms-licensing
dtpt
msdfsr
omhs
omsdk
ms-ilm
ms-ilm-sts
asgenf
io-dist-data
openmail
unieng
ida-discover1 11
ida-discover2
watchdoc-pod
watchdoc
fcopy-server
fcopys-server
tunatic
tunalyzer
rscd 2
openmailg 5
x500ms 2
openmailns 9
s-openmail
openmailpxy
spramsca
spramsd
netagent
starfield-io 6
vts-rpc 3
3par-evts
3par-mgmt
3par-mgmt-ssl
3par-rcopy 2
xtreamx 8
enlabel-dpl 5
icmpd 15
spt-automation
autopassdaemon 6
shiprush-d-ch 21
reversion
wherehoo 17
ppsuitemsg 4
diameters 5
jute 15
rfb 17
ff-ice 3
ag-swim
asmgcs
rpas-c2
dsd
ipsma
agma
ats-atn
ats-acars
ais-met
aoc-acars
ipsdtls
indy 49
mppolicy-v5 5
mppolicy-mgr
couchdb 15
wsman
wsmans
wbem-rmi
wbem-http
wbem-https
wbem-exp-https
nuxsl
consul-insight
cim-rs
rms-agent
cvsup 5
ndl-ahp-svc 65
winpharaoh
ewctsp
gsmp-ancp 2
trip
messageasap
ssdtp
diagnose-proc
directplay8
max
dpm-acm
msft-dpm-cert
iconstructsrv
reload-config 7
konspire2b
pdtp
ldss
doglms
raxa-mgmt 11
synchronet-db
synchronet-rtc
synchronet-upd
rets
dbdb
primaserver
mpsserver
etc-control
sercomm-scadmin
globecast-id
softcm
spc
dtspcd
dayliteserver
wrspice
xic
xtlserv
daylitetouch
spdy 4
bex-webadmin
backup-express
pnbs
damewaremobgtwy 6
nbt-wol 3
pulsonixnls 7
meta-corp
aspentec-lm
watershed-lm
statsci1-lm
statsci2-lm
lonewolf-lm
montage-lm
tal-pod 2
efb-aci 10
ecmp
patrol-ism
patrol-coll
pscribe
lm-x 37
qmtps 9
radmind 13
jeol-nsdtp-1 19
jeol-nsdtp-2
jeol-nsdtp-3
jeol-nsdtp-4
tl1-raw-ssl 7
tl1-ssh
crip
gld 14
grid
grid-alt
bmc-grx 31
bmc_ctd_ldap
ufmp 5
scup 9
abb-escp
nav-data-cmd
iona-data
repsvc 2
emp-server1
emp-server2
hrd-ncs 2
dt-mgmtsvc
dt-vra
sflow 17
streletz
gnutella-svc 2
gnutella-rtr
adap 3
pmcs 5
metaedit-mu 5
metaedit-se 10
redis 9
metatude-mds 3
clariion-evr01 7
metaedit-ws
faxcomservice 27
syserverremote
svdrp
nim-vdrshell
nim-wan
pgbouncer 11
heliosd 8
tarp 2
sun-sr-https
sge_qmaster
sge_execd
mysql-proxy
skip-cert-recv 9
skip-cert-send
ieee11073-20701 8
lvision-lm 7
sun-sr-http 9
servicetags
ldoms-mgmt
sunvts-rmi
sun-sr-jms
sun-sr-iiop
sun-sr-iiops
sun-sr-iiop-aut
sun-sr-jmx
sun-sr-admin
boks 11
boks_servc
boks_servm
boks_clntd
badm_priv 2
badm_pub
bdir_priv
bdir_pub
mgcs-mfp-port
mcer-port
netconf-tls 3
syslog-tls
elipse-rec
lds-distrib 28
lds-dump
apc-6547 3
apc-6548
apc-6549
fg-sysupdate
sum
checkmk-agent 5
xdsxdm 2
sane-port 8
canit_store 2
affiliate 11
parsec-master
parsec-peer
parsec-game
joajewelsuite
mshvlm 17
mstmg-sstp
wsscomfrmwk
bencher 8
odette-ftps 9
kftp-data
kftp
mcftp
ktelnet
datascaler-db
datascaler-ctl
wago-service
nexgen
afesc-mc
nexgen-aux
mxodbc-connect 3
ovsdb 8
openflow 13
pcs-sf-ui-man 2
emgmsg
vocaltec-gold 14
p4p-portal
vision_server
vision_elmd
vfbp 5
osaut
clever-ctrace 8
clever-tcpip
tsa
cleverdetect
ircs-u 7
kti-icad-srvr 4
e-design-net
e-design-web
ibprotocol 11
fibotrader-com
princity-agent
bmc-perf-agent 51
bmc-perf-mgrd
adi-gxp-srvprt
plysrv-http
plysrv-https
ntz-tracker 6
ntz-p2p-storage
dgpf-exchg 7
smc-jmx
smc-admin
smc-http
radg
hnmp
hnm
acnet 10
pentbox-sim 16
ambit-lm 14
netmo-default 10
netmo-http
iccrushmore 8
acctopus-cc 18
muse 20
rtimeviewer 12
jetstream
split-ping 23
ethoscan 11
xsmsvc
bioserver 10
otlp 5
jmact3 10
jmevt2
swismgr1
swismgr2
swistrap
swispol
acmsoda 3
conductor
mobilitysrv 27
iatp-highpri
iatp-normalpri
afs3-fileserver
afs3-callback
afs3-prserver
afs3-vlserver
afs3-kaserver
afs3-volser
afs3-errors
afs3-bos
afs3-update
afs3-rmtsys
ups-onlinet
talon-disc
talon-engine
microtalon-dis
microtalon-com
talon-webserver
spg
grasp
fisa-svc
doceri-ctl
dpserve
dpserveadmin
ctdp
ct2nmcs
vmsvc
vmsvc-2
loreji-panel
op-probe 4
iposplanet
arcp 39
iwg1
iba-cfg
martalk
empowerid 7
lazy-ptop 19
font-service
elcn
rothaga 16
virprot-lm 4
snif 2
scenidm 5
scenccs
cabsm-comm 32
caistoragemgr
cacsambroker
fsr
doc-server
aruba-server
casrmagent
cnckadserver
ccag-pib
nsrp
drm-production
metalbend
zsecure
clutild
fodms 26
dlip
pon-ictp
ps-server 13
ps-capture-pro
ramp 11
citrixupp
citrixuppg
asa-gateways 5
display 2
pads
frc-hicp 7
cnap 18
watchme-7272 10
oma-rlp
oma-rlp-s
oma-ulp
oma-ilp
oma-ilp-s
oma-dcdocbs
ctxlic
itactionserver1
itactionserver2
mzca-action
genstat
lcm-server 82
mindfilesys 26
mrssrendezvous
nfoldman
fse
winqedit
hexarc 2
rtps-discovery 3
rtps-dd-ut
rtps-dd-mt
ionixnetmon 8
daqstream
mtportmon 10
pmdmgr 5
oveadmgr
ovladmgr
opi-sock
xmpv7
pmd
faximum 6
oracleas-https 6
sttunnel 28
rise 2
neo4j
openit 4
telops-lmd 13
silhouette 9
ovbus
adcp 7
acplt
ovhpas
pafec-lm
saratoga 31
atul
nta-ds
nta-us
cfs
cwmp
tidp
nls-tl
controlone-con 2
sncp 9
cfw 3
vsi-omega 3
dell-eql-asm 3
aries-kfinder
coherence 4
wtmi-panel
sun-lm 13
mipi-debug 18
indi 18
simco 2
soap-http
zen-pawn
xdas
hawk
tesla-sys-msg
pmdfmgt 2
cuseeme 15
rome 15
authoritygate 5
imqstomp 4
imqstomps
imqtunnels
imqtunnel
imqbrokerd
sun-user-https
ms-do 3
dmt 3
bolt 4
collaber 2
sovd
klio 7
em7-secom 3
sync-em7 7
scinet
medimageportal 12
nsdeepfreezectl 4
nitrogen
freezexservice
trident-data
osvr
smip 6
aiagent 4
scriptview 3
msss
sstp-1
raqmon-pdu
prgp 3
inetfs 28
cbt 2
interwise
vstat
accu-lmgr 2
minivend 5
popup-reminders
office-tools 2
q3ade 5
pnet-conn 3
pnet-enc
altbsdp
asr
ssp-client
rbt-wanopt 9
apc-7845 35
apc-7846
csoauth
mobileanalyzer 22
rbt-smc
mdm
owms 7
pss 2
ubroker 7
mevent 13
tnos-sp
tnos-dp
tnos-dps
qo-secure 10
t2-drm 19
t2-brm
generalsync 29
supercell 5
micromuse-ncps 12
quest-vista
sossd-collect
sossd-agent
pushns 15
irdmi2 2
irdmi
vcom-tunnel
teradataordbms
mcreport
p2pevolvenet
mxi
wpl-analytics
warppipe
nvme-disc 2
cfg-cloud 6
ads-s
qbdb 3
intu-ec-svcdisc
intu-ec-client
oa-system
arca-api
ca-audit-da 2
ca-audit-ds
papachi-p2p-srv
pro-ed 5
mindprint
vantronix-mgmt
ampify 6
enguity-xccetp
fs-agent
fs-server
fs-mgmt
rocrail 7
senomix01
senomix02
senomix03
senomix04
senomix05
senomix06
senomix07
senomix08
nikatron-dev 2
toad-bi-appsrvr 5
infi-async
ucs-isc 3
gadugadu 4
sunproxyadmin 7
us-cli
us-srv
websnp
d-s-n 2
simplifymedia
radan-http
opsmessaging 2
jamlink
sac 6
xprint-server 3
ldoms-migr
kz-migr
mtl8000-matrix 13
cp-cluster
purityrpc
privoxy
apollo-data 3
apollo-admin
paycash-online 6
paycash-wbp
indigo-vrmi
indigo-vbcp
dbabble
puppet 8
isdd 8
quantastor 5
patrol 7
patrol-snmp
lpar2rrd
intermapper 19
vmware-fdm
proremote
itach
gcp-rphy 6
limnerpressure
spytechphone
blp1 2
blp2
vvr-data 4
trivnet1
trivnet2
lm-perfworks 3
lm-instmgr
lm-dta
lm-sserver
lm-webwatcher
rexecj 22
synapse-nhttps 13
robot-remote 27
ms-mcc 6
synapse-nhttp 4
libelle 2
blp3 10
hiperscan-id
blp4
tmi 6
amberon
hub-open-net 12
tnp-discover 7
tnp
garmin-marine
server-find 29
cruise-enum 25
cruise-swroute
cruise-config
cruise-diags
cruise-update
m2mservices 3
cvd 17
sabarsd
abarsd
svcloud 2
svbackup
dlpx-sp 10
espeech
espeech-rtp
aritts 6
pgbackrest 9
cybro-a-bus 10
pcsync-https
pcsync-http
copy
matrix-fed 3
npmp 2
nexentamv 7
cisco-avp 13
pim-port
otv
vp2p
noteshare
fmtp 26
cmtp-mgt
ftnmtp
rtsp-alt 52
d-fence
dof-tunnel 12
asterix 33
canon-mfnp 10
canon-bjnp1
canon-bjnp2
canon-bjnp3
canon-bjnp4
imink
monetra 50
monetra-admin
spartan 2
msi-cps-rm 7
sun-as-jmxrmi 11
openremote-ctrl 2
vnyx 11
semi-grpc 11
nvc
ibus 22
dey-keyneg 17
mc-appserver 13
openqueue
ultraseek-http
amcs
core-of-source
sandpolis
oktaauthenticat
dpap
uec 8
msgclnt 8
msgsrvr
acd-pm 6
sunwebadmin 7
truecm 4
dxspider 69
cddbp-alt 7
galaxy4d
secure-mqtt 2
ddi-tcp-1 5
ddi-tcp-2
ddi-tcp-3
ddi-tcp-4
ddi-tcp-5
ddi-tcp-6
ddi-tcp-7
ospf-lite 5
jmb-cds1
jmb-cds2
dpp 7
manyone-http 2
manyone-xml
wcbackup
dragonfly
twds 24
ub-dns-control 16
cumulus-admin
nod-provider 26
sunwebadmins 9
http-wmap
https-wmap
oracle-ms-ens 6
canto-roboflow
bctp
cslistener
etlservicemgr
dynamid
golem 3
ogs-server 3
pichat
sdr
tambora 10
panagolin-ident
paragent
swa-1
swa-2
swa-3
swa-4
versiera 24
fio-cmgmt
cardweb-io 9
glrpc 20
emc-pp-mgmtsvc 3
aurora
ibm-rsyscon
net2display
classic
sqlexec
sqlexec-ssl
websm
xmltec-xmlmail
xmlipcregsvc
copycat
pdl-datastream 7
bacula-dir
bacula-fd
bacula-sd
peerwire
xadmin
astergate
astergatefax
hexxorecore 4
mxit 8
grcmp 3
grcp
dddp 8
apani1 29
apani2
apani3
apani4
apani5
sirius-agent 19
sun-as-jpda 8
wap-wsp 9
wap-wsp-wtp
wap-wsp-s
wap-wsp-wtp-s
wap-vcard
wap-vcal
wap-vcard-s
wap-vcal-s
rjcdb-vcards
almobile-system
oma-mlp
oma-mlp-s
serverviewdbms
serverstart
ipdcesgbs
insis
acme
fsc-port
teamcoherence 5
pegasus 56
pegasus-ctl
pgps
swtp-port1
swtp-port2
callwaveiam
visd
n2h2server
cumulus 2
armtechdaemon 5
storview
armcenterhttp
armcenterhttps
vrace 5
sphinxql 6
sapms 4
sphinxapi 2
secure-ts 6
guibase 3
gnmi-gnoi 18
gribi
mpidcmgr 3
mphlpdmc
rancher
ctechlicensing
fjdmimgr 28
boxp 6
d2dconfig 7
d2ddatatrans
adws
otp
fjinvmgr 6
mpidcagt
sec-t4net-srv 3
sec-t4net-clt
sec-pc2fax-srv
git 16
tungsten-https 25
wso2esb-console
mindarray-ca
sntlkeyssrvr 5
ismserver 50
mngsuite 35
laes-bf
trispen-sra 19
p4runtime 4
ldgateway 33
cba8
msgsys
pds
mercury-disc
pd-admin
vscp
robix
micromuse-ncpw
streamcomm-ds 12
iadt-tls 2
erunbook_agent 2
erunbook_server
condor
odbcpathway 10
uniport
peoctlr
peocoll
pqsflows 9
zoomcp 26
xmms2
tec5-sdctp
client-wakeup 26
ccnx
board-roar 5
l5nas-parchan 47
board-voip 3
rasadv 3
tungsten-http 9
davsrc 38
sstp-2
davsrcs
sapv1 73
sd
x510
cyborg-systems 11
gt-proxy
monkeycom 9
iua 2
domaintime 9
sype-transport 2
xybrid-cloud 14
apc-9950 25
apc-9951
apc-9952
acis
hinp
alljoyn-stm
odnsp 11
xybrid-rt 12
visweather
pumpkindb 2
kaostransport 5
dsm-scm-target
nsesrvr
osm-appsrvr 2
osm-oev
palace-1
palace-2
palace-3
palace-4
palace-5
palace-6
distinct32
distinct
ndmp
scp-config
documentum
documentum_s
emcrmirccd
emcrmird
netapp-sync
mvs-capacity
octopus
swdtp-sv
rxapi
abb-hw 10
zabbix-agent 30
zabbix-trapper
qptlmd 4
amanda 25
famdc
itap-ddtp 19
ezmeeting-2
ezproxy-2
ezrelay
swdtp
bctp-server 3
nmea-0183 3
netiq-endpoint 3
netiq-qcheck
netiq-endpt
netiq-voipa
iqrm
cimple 8
bmc-perf-sd 3
bmc-gms
qb-db-server 31
snmptls
snmptls-trap
trisoap 38
rsms
apollo-relay 51
axis-wimp-port 8
tile-ml
blocks 27
cirrossp 155
mos-lower 97
mos-upper
mos-aux
mos-soap
mos-soap-opt
serverdocs 4
printopia 83
gap 169
lpdg 5
nbd 4
helix 51
bveapi 20
octopustentacle 53
rmiaux 57
irisa 10
metasys
weave 94
origo-sync 8
netapp-icmgmt
netapp-icdata
sgi-lk
sgi-dmfmgr 3
sgi-soap
vce
dicom
suncacao-snmp 49
suncacao-jmxmp
suncacao-rmi
suncacao-csa
suncacao-websvc
oemcacao-jmxmp 7
t5-straton
oemcacao-rmi
oemcacao-websvc
smsqp 26
dcsl-backup
wifree 6
memcache 3
xcompute 24
imip 84
imip-channels
arena-server
atm-uhas 46
hkp 4
ollama 63
asgcypresstcps 55
tempest-port 111
emc-xsw-dconfig 23
h323callsigalt 97
emc-xsw-dcache 3
intrepid-ssl 28
lanschool 45
xoraya 80
sysinfo-sp 91
tibsd 4
entextxid 29
entextnetwk
entexthigh
entextmed
entextlow
dbisamserver1
dbisamserver2
accuracer
accuracer-dbms
edbsrvr 2
vipera 2
vipera-ssl
rets-ssl 96
nupaper-ss 12
cawas 47
hivep 4
linogridengine 128
rads 2
warehouse-sss 19
warehouse
italk 23
carb-repl-ctrl 201
tsaf 207
netperf 112
i-zipqd 295
bcslogc 56
rs-pias
emc-vcas-tcp
powwow-client 5
powwow-server
doip-data 176
bprd 320
bpdbm
bpjava-msvc
vnetd 2
bpcd 58
vopied
nbdb 2
nomdb
dsmcc-config 32
dsmcc-session
dsmcc-passthru
dsmcc-download
dsmcc-ccp
bmdss
a-trust-rpc 9
ucontrol 62
dta-systems 35
medevolve
scotty-ft 70
sua
sage-best-com1 32
sage-best-com2
vcs-app 107
icpp
icpps
gcm-app 2
vrts-tdd 4
vcscmd
vad 4
cps 96
ca-web-update 164
xpra 86
hde-lcesrvr-1 436
hde-lcesrvr-2
hydap 63
onep-tls 2
xpilot 343
3link 18
cisco-snat 192
bex-xr 105
ptp 80
programmar 259
fmsas
fmsascon
gsms
jwpc 18
jwpc-bin
sun-sea-port 140
solaris-audit
etb4j 147
pduncs
pdefmns
netserialext1 49
netserialext2
netserialext3 6
netserialext4
connected 16
rdgs
xoms 234
axon-tunnel 46
cadsisvr 124
newbay-snc-mc 111
sgcip 50
intel-rci-mp 41
amt-soap-http
amt-soap-https
amt-redir-tcp
amt-redir-tls
isode-dua 12
ncpu 3
vestasdlp 174
soundsvirtual
chipper 34
avtp
avdecc
isa100-gci 2
trdp-md 2
integrius-stp 9
ssh-mgmt
db-lsp 265
ailith 55
ea 174
zep 25
zigbee-ip
zigbee-ips
sw-orion 21
biimenu 223
radpdf 104
racf 32
opsec-cvp 45
opsec-ufp
opsec-sam
opsec-lea
opsec-omi
ohsc
opsec-ela
checkpoint-rtm 54
iclid
clusterxl
gv-pf 19
ac-cluster 201
rds-ib 171
rds-ip
vdmmesh 33
ique 101
infotos 112
apc-necmp 7
igrid 112
scintilla 7
j-link 13
opsec-uaa 171
ua-secureagent 3
cora 26
keysrvr 63
keyshadow 32
mtrgtrans 83
hp-sco 12
hp-sca
hp-sessmon
fxuptp 127
sxuptp
jcp
faircom-db 249
iec-104-sec 208
dnp-sec
dnp
microsan
commtact-http
commtact-https
openwebnet 2
ss-idi 8
opendeploy
nburn_id 20
tmophl7mts 12
mountd 2
nfsrdma
avesterra 8
tolfab 110
ipdtp-port 35
ipulse-ics 20
emwavemsg 258
track 190
crtech-nlm 140
athand-mmp 189
irtrans
notezilla-lan 10
trinket-agent 202
cohesity-agent
aigairserver 8
xahaud 116
rdm-tfs 216
dfserver
vofr-gateway 36
tvpm 210
sal
webphone 44
netspeak-is
netspeak-cs
netspeak-acd
netspeak-cps
snapenetio 151
optocontrol
optohost002
optohost003
optohost004
dcap 121
gsidcap 3
easyengine 94
wnn6 51
cis 32
showcockpit-net 28
shrewd-control 2
cis-secure 8
wibukey 4
codemeter 3
codemeter-cmwan
caldsoft-backup 186
vocaltec-wconf 18
talikaserver 208
aws-brf 37
brf-gw 151
inovaport1 49
inovaport2
inovaport3
inovaport4
inovaport5
inovaport6
gntp 48
5afe-dir 241
elxmgmt 39
novar-dbase 67
novar-alarm
novar-global
aequus 54
aequus-alt
areaguard-neo 89
med-ltp 454
med-fsp-rx
med-fsp-tx
med-supp
med-ovw
med-ci
med-net-svc
filesphere 236
vista-4gl 7
ild 72
vrmg-ip 2
intel_rci 63
tonidods 79
binkp 89
bilobit 23
sdtvwcam 89
canditv 10
flashfiler
proactivate
tcc-http 2
cslg 74
find 168
icl-twobase1 78
icl-twobase2
icl-twobase3
icl-twobase4
icl-twobase5
icl-twobase6
icl-twobase7
icl-twobase8
icl-twobase9
icl-twobase10
db2c-tls 91
sauterdongle 476
idtp 28
vocaltec-hos 189
tasp-net 107
niobserver
nilinkanalyst
niprobe
quake 97
scscp 133
wnn6-ds 75
cockroach 49
ezproxy 3
ezmeeting
k3software-svr
k3software-cli
exoline-tcp 223
exoconfig
exonet 2
flex-lmadmin 521
chlenix 6
mongodb
imagepump 328
jesmsjc 97
kopek-httphead 62
ars-vista 278
astrolink 94
tw-auth-key 123
nxlmd
pqsp
gruber-cashreg 9
thor-engine 70
voxelstorm 120
siemensgsm 40
bosswave 349
saltd-licensing 411
otmp 167
bingbang 832
ndmps
pago-services1
pago-services2
amicon-fpsu-ra
rwp 97
kingdomsonline 160
gs-realtime 140
dilithium3 539
ovobs 60
ka-sddp 17
autotrac-acp 4
eldim 317
pace-licensed 63
xqosd 16
tetrinet 41
lm-mon 163
dsx_monitor 65
gamesmith-port 80
iceedcp_tx 183
iceedcp_rx
iracinghelper 85
t1distproc60 215
plex 151
apm-link 83
sec-ntb-clnt 152
dmexpress
filenet-powsrm 131
filenet-tms
filenet-rpc
filenet-nch
filenet-rmi
filenet-pa
filenet-cm
filenet-re
filenet-pch
filenet-peior
filenet-obrok
mlsn 24
retp 10
idmgratm 85
wg-endpt-comms 104
mysqlx 60
aurora-balaena 63
diamondport 208
dgi-serv 2
speedtrace
traceroute 100
snip-slave 222
digilent-adept 234
turbonote-2 359
p-net-local 129
p-net-remote
dhanalakshmi 188
profinet-rt 395
profinet-rtm
profinet-cm
profinet-cm-sec
ethercat 15
heathview 20
rt-viewer
rt-sound
rt-devicemapper
rt-classmanager
rt-labtracker
rt-helper
axio-disc 94
kitim 254
altova-lm
guttersnex
openstack-id
allpeers 644
febooti-aw 523
observium-agent 78
mapx 98
kastenxpipe 165
neckar 610
gdrive-sync 8
eftp 118
unisys-eportal 53
ivs-database 346
ivs-insertion
cresco-control
galaxy7-data 199
fairview
agpolicy
psqlmws 435
sruth 162
secrmmsafecopya 65
vroa 198
turbonote-1 618
safetynetp 319
sptx 404
cscp 437
csccredir
csccfirewall
fs-qos 268
tentacle 10
z-wave-s 109
crestron-cip 564
crestron-ctp
crestron-cips
crestron-ctps
candp 711
candrp
caerpc
curiosity 489
recvr-rc
reachout 188
ndm-agent-port
ip-provision
noit-transport
shaperai 19
eq3-update 229
ew-mgmt
ciscocsdb
z-wave-tunnel 682
pmcd 198
pmproxy
pmwebapi
cognex-dataman 121
acronis-backup
rbr-debug 108
ethernet/ip-2 265
m3da 82
asmp 100
asmps
rs-status
synctest 43
invision-ag 9
witsnet 131
cloudcheck 329
eba 164
dai-shell 146
qdb2service
ssr-servermgr 141
inedo 370
spremotetablet 662
mediabox
mbus
winrm
dbbrowse 556
directplaysrvr 67
ap 182
bacnet 2
nimcontroller 192
nimspooler
nimhub
nimgtw
nimbusdb
nimbusdbctrl
juka 43
3gpp-cbsp
weandsf
isnetserv 78
blp5
com-bardac-dw 427
iqobject 63
robotraconteur 34
matahari 347
nusrp
inspider 149
`
    .trim()
    .split("\n")
    .map((line) => {
      const [name, step = 1] = line.split(" ");
      return [name, (port += Number(step))];
    }),
);
