# cmake -DNM=nm -DISA=avx2 "-DOBJECTS=a.o|b.o" -P check_symbols.cmake
# The objects of an instruction set may define functions of that set's namespace and nothing else: of a weak symbol
# (an inline function of a header, say) the linker keeps one copy, which may be the one that this CPU cannot run.
string(REPLACE "|" ";" OBJECTS "${OBJECTS}")
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND ${NM} --defined-only --extern-only ${object} OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${NM} cannot read ${object}")
  endif()
  string(LENGTH "${ISA}" length)
  string(REGEX REPLACE "\n$" "" symbols "${symbols}")
  string(REPLACE "\n" ";" symbols "${symbols}")
  foreach(symbol IN LISTS symbols)
    if(NOT symbol MATCHES " T _ZN8lexigrad${length}${ISA}[0-9]+fill")
      message(SEND_ERROR "${object} defines ${symbol}")
    endif()
    message(STATUS "${symbol}")
  endforeach()
endforeach()
