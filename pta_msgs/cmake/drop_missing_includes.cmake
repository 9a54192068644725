# Lets CMake configure against ROS 2 from PyPI wheels, whose exported targets name include
# directories of the machine that built the wheels ("includes non-existent path").
#
# Given as CMAKE_PROJECT_INCLUDE by the Makefile, and only then: a sourced ROS distribution does not
# need it. After the project's own file has run, every imported target loses the interface include
# directories that do not exist here; nothing in the wheels is changed.

function(pta_drop_missing_includes)
  get_directory_property(targets IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT includes)
      continue()
    endif()
    set(kept "")
    foreach(include IN LISTS includes)
      # Generator expressions cannot be judged now; a relative or missing path can.
      if(include MATCHES "^\\$<" OR EXISTS "${include}")
        list(APPEND kept "${include}")
      endif()
    endforeach()
    set_property(TARGET ${target} PROPERTY INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()
endfunction()

cmake_language(DEFER CALL pta_drop_missing_includes)
