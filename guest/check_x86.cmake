# SPDX-License-Identifier: MIT
# Fails if the image ELF has an instruction on xmm, ymm, zmm, mm or x87 registers, which the guest does
# not set up and some KVMs lack; the image is removed, so that the next build looks again.
execute_process(COMMAND ${OBJDUMP} -d --no-show-raw-insn ${ELF}
                OUTPUT_VARIABLE code RESULT_VARIABLE failed)
if(failed OR NOT code MATCHES "<_start>:")
  file(REMOVE ${ELF})
  message(FATAL_ERROR "${OBJDUMP} cannot disassemble ${ELF}")
endif()
string(REGEX MATCHALL "\n +[0-9a-f]+:[ \t]+(f[a-z0-9]+|v?(ld|st)mxcsr|[^\n]*%([xyz]?mm[0-9]|st))[^\n]*" found "${code}")
if(found)
  file(REMOVE ${ELF})
  list(JOIN found "" found)
  message(FATAL_ERROR "${ELF} may use general registers only, but has:${found}")
endif()
